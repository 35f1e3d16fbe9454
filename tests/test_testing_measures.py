"""What the kit measures with: phantoms without symmetry, places told apart, memory counted."""

import ctypes

import numpy as np
import pytest

from tomopy_edge.fbp import fbp
from tomopy_edge.testing import check_denoiser, check_reconstructor, memory
from tomopy_edge.testing.findings import ConformanceError, Findings, Unfit
from tomopy_edge.testing.phantoms import sinograms, slices
from tomopy_edge.testing.places import misplaced

SHAPE = (5, 48, 40)


def turned(stack):
    """The stack as every mistake of axes would have it."""
    yield stack[:, ::-1]
    yield stack[:, :, ::-1]
    yield stack[:, ::-1, ::-1]
    yield stack[::-1]
    for by in (1, -1):
        yield from (np.roll(stack, by, axis) for axis in range(3))


def test_slices_look_like_none_of_their_mirror_images_and_no_two_are_alike():
    made = slices(SHAPE, 0.02)
    assert made.noisy.shape == SHAPE
    assert made.noisy.dtype == made.clean.dtype == np.float32
    # More than the noise of a hundredth of all that there is.
    least = 0.01 * np.square(made.clean).mean()
    assert all(np.square(wrong - made.clean).mean() > least for wrong in turned(made.clean))
    assert all(np.ptp(made.clean[z] - made.clean[z + 1]) > 0 for z in range(len(made.clean) - 1))


@pytest.mark.parametrize("shape", [(3, 48, 40), (5, 48, 48), (5, 31, 48)])
def test_shapes_in_which_mistakes_hide_are_refused(shape):
    for check in (check_denoiser, check_reconstructor):
        with pytest.raises(
            ValueError, match="shape: must be at least 4 slices of at least 32 along each edge, and not"
        ):
            check("none" if check is check_denoiser else "fbp", shape=shape)


def test_matter_and_air_are_the_same_in_all_slices():
    made = slices(SHAPE, 0.02)
    assert made.matter.sum() > 50
    assert made.air.sum() > 50
    np.testing.assert_allclose(made.clean[:, made.matter], 0.02)
    assert (made.clean[:, made.air] == 0).all()
    assert np.std(made.noisy - made.clean) == pytest.approx(0.002, rel=0.05)


@pytest.mark.parametrize("centers", [False, True])
def test_sinograms_are_of_discs_with_the_attenuation_that_is_asked_for(centers):
    made = sinograms(4, 96, 150, 0.02, centers=centers)
    right = fbp(made.line_integrals, made.theta, made.center)
    assert np.median(right[:, 40:60, 40:60]) == pytest.approx(0.02, rel=0.01)
    assert not np.array_equal(np.sort(made.theta), made.theta)
    assert all(misplaced(wrong, right) for wrong in (*turned(right), right.transpose(0, 2, 1)))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda right: right, None),
        (lambda right: right * 3 + 1, None),
        (lambda right: right[:, ::-1], "upside down (y reversed)"),
        (lambda right: right[::-1], "in reverse order (z reversed)"),
        (lambda right: np.roll(right, 1, 0), "one slice late (z)"),
        (lambda right: right * 0, "do not show what they should"),
        (lambda right: right * np.nan, "do not show what they should"),
        (lambda right: 0.7 * right + 0.3 * np.roll(right, 1, 2), "lie about"),
    ],
)
def test_what_lies_elsewhere_is_told_in_words(wrong, told):
    right = slices(SHAPE, 0.02).clean
    got = misplaced(wrong(right).astype(np.float32), right)
    assert (got is None) if told is None else (told in got)


def test_the_most_that_a_call_takes_is_measured_in_python_and_beside_it():
    def in_python():
        np.ones(2**21, np.float64).sum()

    def beside():
        malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
        malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
        block = malloc(2**24)
        ctypes.memset(block, 1, 2**24)
        free(block)

    assert 2**24 <= memory.peak(in_python) < 1.5 * 2**24
    # The system counts in pages, late, and what was free already is not counted again.
    assert 0.5 * 2**24 < memory.peak(beside) < 1.5 * 2**24


def test_what_is_kept_once_is_no_leak_and_what_waits_for_the_collector_neither():
    kept = {}

    def once():
        kept.setdefault("table", np.ones(2**18))

    def cycles():
        one = [np.ones(2**14)]
        one.append(one)

    assert max(memory.left_by(once)) < 2**12
    assert memory.left_by(cycles)[0] < 2**12
    more = []
    assert memory.left_by(lambda: more.append(np.ones(2**14)))[0] == pytest.approx(2**17, rel=0.1)


def test_all_faults_are_kept_and_what_was_raised_first_is_their_cause():
    found = Findings("denoiser mine")
    with found.check("first"):
        raise Unfit("it is wrong")
    with found.check("second"):
        import nothing_of_this_name  # noqa: F401
    with found.check("third"):
        pass
    with pytest.raises(ConformanceError) as caught:
        found.end(1.0, 2, "told")
    assert str(caught.value) == (
        "denoiser mine: 2 faults\n  - first: it is wrong\n  - second: it raised ModuleNotFoundError: No module named "
        "'nothing_of_this_name'; raise a tomopy_edge.PluginError that says what to install"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
