"""What a model answers, and what the truth looks like: validated numpy, no torch.

Coordinates: (0, 0) is the centre of the first pixel, x is the column, y the row; units are pixels unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


def _expect(condition: bool, what: str, came: object) -> None:
    if not condition:
        raise ValueError(f"{what}, got {came}")


@dataclass(frozen=True)
class Label:
    """One image, one class.

    Attributes:
        probability: of the positive class, in [0, 1]; exactly 0 or 1 for truth.
        threshold: from this probability on the answer is the positive class.
    """

    probability: float
    threshold: float = 0.5

    def __post_init__(self) -> None:
        _expect(0.0 <= self.probability <= 1.0, "a probability lies in [0, 1]", self.probability)

    @property
    def positive(self) -> bool:
        """The answer."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Points:
    """Positions in one frame.

    Attributes:
        positions: (N, 2) float64, columns x and y in pixels.
        quality: (N,) float64 in [0, 1], 1 for truth.
        errors: (N, 2) float64, standard errors of x and y in pixels, nan for a bead of which they are not known; None where the
            model does not say, and for truth.
    """

    positions: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float64]
    errors: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _expect(self.positions.ndim == 2 and self.positions.shape[1] == 2, "positions are (N, 2)", self.positions.shape)
        _expect(self.quality.shape == (len(self.positions),), "one quality a position", self.quality.shape)
        _expect(bool(np.isfinite(self.positions).all()), "positions are finite", self.positions)
        if self.errors is not None:
            _expect(self.errors.shape == self.positions.shape, "two errors a position", self.errors.shape)
            _expect(not (self.errors < 0).any(), "errors are not negative", self.errors)

    @classmethod
    def exact(cls, positions: npt.ArrayLike) -> Points:
        """Truth: (N, 2) positions of quality 1."""
        array = np.asarray(positions, dtype=np.float64).reshape(-1, 2)
        return cls(array, np.ones(len(array)))


@dataclass(frozen=True)
class ClassMap:
    """A class and an instance for each pixel of one image.

    Attributes:
        classes: (H, W) uint8, index into the task's class names; 0 is background.
        instances: (H, W) int32, 0 is background, 1... number the cells.
        species: (N + 1,) uint8, the species of each instance from 1, by its number; entry 0 is unused. None where it is not asked
            for, or not known.
        certainty: (N + 1,) float32, how probable that species is; None for truth.
    """

    classes: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int32]
    species: npt.NDArray[np.uint8] | None = None
    certainty: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        _expect(self.classes.ndim == 2, "a class map is (H, W)", self.classes.shape)
        _expect(self.classes.shape == self.instances.shape, "classes and instances share a shape", self.instances.shape)
        _expect(self.classes.dtype == np.uint8, "classes are uint8", self.classes.dtype)
        _expect(self.instances.dtype == np.int32, "instances are int32", self.instances.dtype)
        for name, values in (("species", self.species), ("certainty", self.certainty)):
            if values is not None:
                enough = values.ndim == 1 and len(values) > self.instances.max(initial=0)
                _expect(enough, f"{name} has an entry for 0 and for each instance", values.shape)


@dataclass(frozen=True)
class Picture:
    """An image as an answer.

    Attributes:
        pixels: (H, W) float32 in the intensity units of the input.
        deviation: (H, W) float32, how far off each pixel may be: the standard deviation of its error, in the same units; None
            where the model does not say, and for truth.
    """

    pixels: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        _expect(self.pixels.ndim == 2, "a picture is (H, W)", self.pixels.shape)
        _expect(self.pixels.dtype == np.float32, "a picture is float32", self.pixels.dtype)
        if self.deviation is not None:
            _expect(self.deviation.shape == self.pixels.shape, "one deviation a pixel", self.deviation.shape)
            _expect(self.deviation.dtype == np.float32, "deviations are float32", self.deviation.dtype)
            _expect(not (self.deviation < 0).any(), "deviations are not negative", self.deviation.min(initial=0))


Result = Label | Points | ClassMap | Picture
