"""How a network is trained: every choice a user has, and what its rules are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tomopy_edge.options import options
from tomopy_edge.training.generator import MULTIPLE

Loss = Literal["mae", "mse", "mae+ms-ssim", "gan"]
Precision = Literal["float32", "bfloat16", "float16"]

SEEDS = 2**32
"""So many seeds there are: numpy's global generator, which Keras seeds with ours, takes no others."""


@options
class TrainOptions:
    """How a network is trained."""

    minutes: float | None = None
    """Time to train for; the learning rate falls along with it. This or `steps`."""
    steps: int | None = None
    """Steps to train for. This or `minutes`."""
    loss: Loss = "mae+ms-ssim"
    """What is made small: see `training.losses`; "gan" see `training.adversarial`."""
    details: float = 0.0
    """How much more errors count on details thinner than 7 pixels: 8 makes them count up to 9 times."""
    contrast: float = 0.0
    """How much the contrast of thin details counts, as far as they can be seen in the noise: 1 doubles the error of a
    crop whose details are all gone."""
    even: bool = False
    """Let each crop count by the share of its own error, so that clean ones weigh as much as noisy ones."""
    crop: int = 192
    """Rows and columns of a crop, pixels; a multiple of 8."""
    batch: int = 6
    """Crops in a batch."""
    rate: float = 1e-3
    """Highest learning rate of Adam."""
    warm_up: int = 100
    """Steps over which the learning rate rises."""
    check_every: int = 200
    """Steps between two looks at the held-out pairs, each followed by a checkpoint."""
    check_pairs: int = 12
    """Held-out pairs to look at."""
    patience: int | None = None
    """Looks without a lower error on the held-out pairs after which training stops early; None: it never does."""
    precision: Precision = "float32"
    """What is computed in; bfloat16 takes half the time on processors with AVX512-BF16, AMX or a GPU; float16, with a
    loss scaled to its range, is for GPUs without bfloat16. Weights are kept in float32 always."""
    vary: bool = True
    """Multiply, lift and bin crops at random, for a scan's unit and scale are accidents; not for a network that mends
    int8 codes."""
    teacher_share: float = 0.5
    """Share of the teacher's answer in what is learned, where there is a teacher; the rest is the truth."""
    vgg19: Path | None = None
    """Weights of VGG19 without its top, as Keras keeps them, for the loss "gan"; None: the bank of filters."""
    in_memory: bool = False
    """Read all training pairs into memory first: a GPU asks for more crops than can be read from a file."""
    workers: int = 1
    """Threads that draw crops ahead of the step that needs them; a GPU needs one for each core."""
    pictures: bool = False
    """Draw four held-out pairs at each look."""
    tensorboard: Path | None = None
    """Folder for a log that TensorBoard reads, beside the CSV log."""
    seed: int = 1
    """Of the weights and the crops."""

    def __post_init__(self) -> None:
        """Check that the training has an end, and that its crops suit the networks' poolings."""
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("minutes: give either minutes or steps")
        for name in ("minutes", "steps", "crop", "batch", "rate", "check_every", "check_pairs", "patience", "workers"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                raise ValueError(f"{name}: must be above 0, got {number}")
        if not 0 <= self.seed < SEEDS:
            raise ValueError(f"seed: must be at least 0 and below {SEEDS}, got {self.seed}")
        self._check_emphasis()
        if self.crop % MULTIPLE:
            raise ValueError(f"crop: must be a multiple of {MULTIPLE} pixels, got {self.crop}")
        if not 0 <= self.teacher_share <= 1:
            raise ValueError(f"teacher_share: must be between 0 and 1, got {self.teacher_share}")
        if self.vgg19 is not None and self.loss != "gan":
            raise ValueError(f'vgg19: belongs to the loss "gan", not to {self.loss!r}')

    def _check_emphasis(self) -> None:
        for name in ("details", "contrast"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: must not be negative, got {getattr(self, name)}")
        if self.loss == "gan" and (self.details or self.contrast or self.even):
            raise ValueError('details: it, contrast and even belong to the other losses, not to "gan"')
