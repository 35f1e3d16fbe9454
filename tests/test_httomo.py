"""The methods for HTTomo: its axis order, its padding, its descriptions; and the slices are those of the one call."""

import importlib
import importlib.util
import inspect
import re
import sys

import numpy as np
import pytest
import yaml

import tomopy_edge
from tomopy_edge.errors import DataError, PluginError
from tomopy_edge.httomo import __main__ as command
from tomopy_edge.httomo import algorithm, denoise, kept, needs
from tomopy_edge.httomo.register import HERE, register, unregister

COLUMNS, ANGLES, ROWS, CENTER = 64, 90, 7, 30.25
THETA = np.linspace(0, np.pi, ANGLES, endpoint=False)

METHODS = {
    "tomopy_edge.httomo.algorithm": algorithm.recon_and_denoise,
    "tomopy_edge.httomo.denoise": denoise.denoise_slices,
}
GIVEN = {"data", "angles", "comm"}
"""Parameters that HTTomo fills itself."""


@pytest.fixture(scope="module")
def tomo():
    """(angle, row, column), noisy; no row is like the one beside it."""
    rng = np.random.default_rng(3)
    radii = 12.0 + np.arange(ROWS)[:, None]
    exact = 0.04 * np.sqrt(np.maximum(0, radii**2 - (np.arange(COLUMNS) - CENTER) ** 2))
    return -np.log(rng.poisson(2000 * np.exp(-np.tile(exact, (ANGLES, 1, 1)))) / 2000).astype(np.float32)


@pytest.fixture(scope="module")
def expected(tomo):
    """(y, slice, x)."""
    return tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, runtime="litert").swapaxes(0, 1)


class Communicator:
    """One of several processes, of which the others measured `others`."""

    def __init__(self, *others):
        self.others, self.gathered = others, []

    def Get_size(self):  # noqa: N802 - mpi4py's name
        return 1 + len(self.others)

    def allgather(self, own):
        self.gathered.append(own)
        return [own, *self.others]


@pytest.fixture
def _nothing_kept(monkeypatch):
    held = {}
    monkeypatch.setattr(kept, "_KEPT", held)
    yield
    for each in held.values():
        each.close()


def test_slices_are_those_of_recon_and_denoise_in_httomos_order(tomo, expected):
    slices = algorithm.recon_and_denoise(tomo, THETA, CENTER, runtime="litert")
    np.testing.assert_array_equal(slices, expected)
    assert type(slices) is np.ndarray


@pytest.mark.usefixtures("_nothing_kept")
@pytest.mark.parametrize("options", [{}, {"fine_tune": True}], ids=str)
def test_blocks_that_are_padded_as_asked_give_the_same_slices(tomo, options):
    options = {"runtime": "litert", **options}
    whole = tomopy_edge.recon_and_denoise(tomo, THETA, CENTER, **options).swapaxes(0, 1)
    with tomopy_edge.tomopy_algorithm(**options) as through:
        sinograms = np.ascontiguousarray(tomo.swapaxes(0, 1))
        unit = through.measure(sinograms, np.full(ROWS, CENTER, np.float32), THETA)
    before, after = needs._calc_padding_recon_and_denoise(**options)
    padded = np.concatenate([tomo[:, :1].repeat(before, 1), tomo, tomo[:, -1:].repeat(after, 1)], 1)
    comm, made = Communicator(), []
    for first in (0, 3, 5):
        last = min(first + 3, ROWS) if first != 3 else 5
        block = padded[:, first : last + before + after]
        slices = algorithm.recon_and_denoise(block, THETA, CENTER, unit=unit, comm=comm, **options)
        made.append(slices[:, before : slices.shape[1] - after])
    np.testing.assert_array_equal(np.concatenate(made, 1), whole)
    assert len(kept._KEPT) == 1


def test_slices_of_another_method_are_denoised_as_ours(tomo, expected):
    noisy = algorithm.recon_and_denoise(tomo, THETA, CENTER, denoiser="none")
    np.testing.assert_array_equal(denoise.denoise_slices(noisy, runtime="litert"), expected)


@pytest.mark.usefixtures("_nothing_kept")
def test_processes_agree_on_one_unit_once(tomo):
    comm = Communicator(1.0, None, 2.0)
    for _ in range(2):
        algorithm.recon_and_denoise(tomo, THETA, CENTER, comm=comm, runtime="litert")
    assert len(comm.gathered) == 1
    assert [each.unit for each in kept._KEPT.values()] == [1.0]


@pytest.mark.usefixtures("_nothing_kept")
def test_outside_of_a_pipeline_nothing_outlasts_a_call(tomo):
    algorithm.recon_and_denoise(tomo, THETA, CENTER, denoiser="none")
    assert not kept._KEPT


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda tomo: algorithm.recon_and_denoise(tomo[0], THETA, CENTER), r"data: must have the axes \(angle, slice"),
        (lambda tomo: denoise.denoise_slices(tomo.astype(np.uint16)), "before they are rescaled to integers"),
        (
            lambda tomo: denoise.denoise_slices(tomo, denoiser="none", unit=1.0),
            "unit: belongs to the denoiser 'tomogan'",
        ),
    ],
)
def test_what_does_not_fit_is_told(tomo, call, message):
    with pytest.raises(DataError, match=message):
        call(tomo)


@pytest.mark.parametrize("module", METHODS)
def test_a_template_has_every_parameter_that_a_pipeline_may_give(module):
    method = METHODS[module]
    (template,) = yaml.safe_load((HERE / "yaml_templates" / module / f"{method.__name__}.yaml").read_text())
    assert (template["module_path"], template["method"]) == (module, method.__name__)
    signature = inspect.signature(method).parameters
    assert template["parameters"].keys() == signature.keys() - GIVEN
    for name, value in template["parameters"].items():
        if name != "center":
            assert value == signature[name].default
    assert next(iter(signature)) == "data"


def test_a_reconstruction_takes_the_angles_second():
    assert list(inspect.signature(algorithm.recon_and_denoise).parameters)[1] == "angles"


def test_every_method_is_described_as_httomo_reads_it():
    described = yaml.safe_load((HERE / "tomopy_edge.yaml").read_text())
    assert yaml.safe_load((HERE / "tomopy_edge_modules.yaml").read_text()) == list(METHODS)
    for module, method in METHODS.items():
        info = described
        for key in [*module.split(".")[1:], method.__name__]:
            info = info[key]
        assert info["pattern"] == "sinogram"
        assert info["implementation"] == "cpu"
        assert info.keys() == {
            *("pattern", "output_dims_change", "implementation", "memory_gpu", "save_result_default", "padding"),
        }
        # What is promised is there to be asked.
        assert info["padding"] == hasattr(needs, f"_calc_padding_{method.__name__}")
        assert info["output_dims_change"] == hasattr(needs, f"_calc_output_dim_{method.__name__}")


def test_the_needs_of_a_method_are_those_of_its_networks():
    assert needs._calc_output_dim_recon_and_denoise((90, 64), center=3) == (64, 64)
    one = needs._calc_padding_denoise_slices(model="tomogan")
    both = needs._calc_padding_denoise_slices(model="tomogan", fine_tune=True)
    assert one == (1, 1)
    assert both[0] >= one[0]


def test_the_example_names_methods_and_parameters_that_there_are():
    pipeline = yaml.safe_load((HERE.parent / "pipeline.yaml").read_text())
    ours = [block for block in pipeline if block["module_path"].startswith("tomopy_edge")]
    assert ours
    for block in ours:
        method = METHODS[block["module_path"]]
        assert block["method"] == method.__name__
        assert block["parameters"].keys() <= inspect.signature(method).parameters.keys()


@pytest.fixture
def backends(tmp_path, monkeypatch):
    """A package in the place of HTTomo's backends."""
    folder = tmp_path / "httomo_backends"
    (folder / "methods_database" / "packages" / "backends").mkdir(parents=True)
    (folder / "yaml_templates").mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("httomo_backends")]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    return folder


def test_methods_are_entered_where_httomo_looks_and_taken_out_again(backends):
    for _ in range(2):
        written = register()
    packages = backends / "methods_database" / "packages" / "backends" / "tomopy_edge"
    assert packages / "tomopy_edge.yaml" in written
    for module, method in METHODS.items():
        template = backends / "yaml_templates" / "tomopy_edge" / module / f"{method.__name__}.yaml"
        assert template in written
        # HTTomo puts "supporting_funcs" behind the first part of a module's path.
        path = (
            "httomo_backends.methods_database.packages.backends.tomopy_edge.supporting_funcs." + module.split(".", 1)[1]
        )
        stub = importlib.import_module(path)
        assert getattr(stub, f"_calc_padding_{method.__name__}")() == (1, 1)
    assert unregister()
    assert not packages.exists()
    assert not unregister()


def test_the_command_says_what_it_did(backends, capsys):
    assert command.main([]) == 0
    assert "tomopy_edge.yaml" in capsys.readouterr().out
    assert command.main(["--remove"]) == 0
    assert capsys.readouterr().out == "taken out of HTTomo\n"


def test_without_httomo_the_command_says_so(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr("tomopy_edge.httomo.register.find_spec", lambda name: None if "httomo" in name else find(name))
    assert command.main([]) == 1
    assert "pip install httomo-backends" in capsys.readouterr().err
    with pytest.raises(PluginError):
        register()


def test_the_method_of_the_guide_is_as_the_template_says():
    guide = (HERE.parents[2] / "docs" / "how-to" / "use-in-httomo.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    said = yaml.safe_load(text)
    method = METHODS[said["module_path"]]
    assert said["method"] == method.__name__
    assert said["parameters"].keys() <= inspect.signature(method).parameters.keys()
