"""How a network's output becomes an answer: activations, decoding, calibration."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from brightfield import images, params
from brightfield.errors import BrightfieldError
from brightfield.results import Result
from brightfield.tasks.doubts import Doubts
from brightfield.tasks.samples import Encoded

# how the outputs of several models become one: their weighted mean; their median; the mean of what each answers, without its doubts
Way = Literal["mean", "median", "vote"]
AT_ONCE = 2**16  # values of each output of which a median is taken at a time: those of a camera image are much together
Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)
# what a model answers to images: of each the activated output, and the image as it was encoded
Look = Callable[[Sequence[images.Image]], list[tuple[npt.NDArray[np.float32], Encoded]]]


class Answering(ABC, Generic[Settings, Answer]):
    """Turns the output of a network into an answer."""

    tileable: ClassVar[bool] = True  # whether the answer to a part of an image is a part of its answer
    # whether an image may be answered at another magnification, see :meth:`to_original_scale`
    magnifiable: ClassVar[bool] = False
    # whether images of another pixel size than the training's are to be magnified by that; objects of any size are not
    magnified_by_pixel_size: ClassVar[bool] = True
    # what in images is looked at to find their magnification; None: nothing
    measured: ClassVar[str | None] = None
    by_width: ClassVar[bool] = True  # whether by its width, see :meth:`width`; else see :meth:`magnification`
    # how many times wider or narrower than what a model knows something may be that it answers as well
    tolerated: ClassVar[float] = 1.05
    sample: ClassVar[int] = 8  # most images of an acquisition that are measured
    # whether images are crops of one size. Those of another size are resized as a whole, unless a magnification is given: then they
    # are cut or filled up
    takes_crops: ClassVar[bool] = False
    # whether a few labelled images of another acquisition adapt probabilities to it, see :meth:`adapted`
    recalibratable: ClassVar[bool] = False
    # whether activated outputs lose nothing that counts in half precision, in which they are stored
    half_precision: ClassVar[bool] = False
    votes: ClassVar[bool] = False  # whether an answer is one of several, for which models can vote: see :meth:`ballot`
    # what the agreement of a model with itself says about the error of an answer, see :meth:`agreements`; None: nothing
    doubts: ClassVar[Doubts | None] = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def activate(self, output: Tensor) -> Tensor:
        """Network output to probabilities, heat maps or intensities: what ensembles average."""

    def foreign(self, folder: Path, names: Sequence[str]) -> list[Answer]:
        """The answers that another program wrote, as if they were a model's; see :mod:`brightfield.tasks.foreign`.

        By default no such answers are read.

        Args:
            folder: where it wrote them: an image a file, or one CSV file.
            names: of the images, without endings.

        Raises:
            BrightfieldError: an answer is missing, or is none.
        """
        del names
        raise BrightfieldError(
            f"What another program wrote into {folder} cannot be read: this kind of task reads no such answers."
        )

    def voted(self, activated: npt.NDArray[np.float32], settings: Settings) -> npt.NDArray[np.float32]:
        """The activated output of a member of an ensemble as that of this task.

        Args:
            activated: of a model with settings of its own.
            settings: those of the model, which vote with those of this task (:meth:`TaskSettings.votes_with`).
        """
        del settings
        return activated

    def ballot(self, activated: npt.NDArray[np.float32], settings: Settings) -> npt.NDArray[np.float32]:
        """The vote of a member: 1 where it answers so, 0 elsewhere, whatever its probabilities; for tasks that have ``votes``.

        Args:
            activated: as in :meth:`voted`.
            settings: those of the member, calibrated.
        """
        raise NotImplementedError

    def comparable(self, outputs: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        """Outputs for one image, some of which may have more channels than others, as answers to what all of them say.

        By default those of the first channels, which all have.
        """
        common = min(map(len, outputs))
        return [output[:common] for output in outputs]

    def combined(
        self, outputs: Sequence[npt.NDArray[np.float32]], shares: Sequence[float], way: Way = "mean"
    ) -> npt.NDArray[np.float32]:
        """One output from those of several members for an image.

        Where some have more channels than others, what all say is combined (:meth:`comparable`), unless a task knows better.

        Args:
            outputs: channels first, as :meth:`voted` returns them, or :meth:`ballot` for the way ``vote``.
            shares: of the members, which sum to 1; a median has none.
            way: how they become one.
        """
        alike = self.comparable(outputs)
        if way == "median":
            return _median(alike)
        whole = np.zeros_like(alike[0], dtype=np.float32)
        for share, output in zip(shares, alike, strict=True):
            for channel in range(len(whole)):  # one at a time: products of a whole camera image are one more
                whole[channel] += np.float32(share) * output[channel]
        return whole

    def disagreement(self, outputs: Sequence[npt.NDArray[np.float32]], shares: Sequence[float]) -> float:
        """How far members are apart on an image: the mean, over pixels and channels, of the weighted deviation of their outputs.

        Args:
            outputs, shares: as in :meth:`combined`.
        """
        alike = self.comparable(outputs)
        channels = range(len(alike[0]))  # one at a time, in double precision
        return float(np.mean([_deviation([output[channel] for output in alike], shares) for channel in channels]))

    def ideal(self, truth: Answer, encoded: Encoded) -> npt.NDArray[np.float32] | None:
        """The activated output of a model that knows the truth of an image, nan where nobody knows it; None: there is none."""
        del truth, encoded
        return None

    @abstractmethod
    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Answer:
        """The answer for one image from its activated output (channels first)."""

    def decode_all(self, activated: Sequence[npt.NDArray[np.float32]], encoded: Sequence[Encoded]) -> list[Answer]:
        """:meth:`decode` for each image; on all cores, with a progress bar, where it takes long."""
        return [self.decode(a, e) for a, e in zip(activated, encoded, strict=True)]

    def decode_fast(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Answer:
        """A quicker answer, good enough to compare epochs, where :meth:`decode` takes long; by default the same."""
        return self.decode(activated, encoded)

    @property
    def needs_calibration(self) -> bool:
        """Whether the settings leave something to be chosen on the validation split by :meth:`calibrate`."""
        return False

    def calibrate(
        self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Answer], encoded: Sequence[Encoded]
    ) -> Settings:
        """The settings with what they leave open chosen on the validation split; they travel with the model."""
        del activated, truth, encoded
        return self.settings

    def adapted(self, activated: Sequence[npt.NDArray[np.float32]], truth: Sequence[Answer]) -> Settings:
        """The settings for an acquisition of which these are a few images; for tasks that are ``recalibratable``."""
        raise NotImplementedError

    def magnified(self, image: images.Image, factor: float) -> images.Image:
        """An image as a model should see it whose training images have ``factor`` times as many pixels a micrometre."""
        return image if factor == 1 else images.magnified(image, factor)

    def usual_magnification(self, shown: Sequence[images.Image]) -> float:
        """The magnification at which a model sees such images without any that is given or measured."""
        del shown
        return 1.0

    def width(self, shown: Sequence[images.Image], known_px: float, look: Look) -> float | None:
        """The width of what the images of one acquisition show, in their own pixels; for tasks that have something ``measured``.

        Args:
            shown: images of one magnification, each as ``learning.encode`` takes it.
            known_px: the width that the model knows, see :meth:`Learning.known_width`.
            look: the model.

        Returns:
            The width, or None where nothing was found with enough certainty.
        """
        raise NotImplementedError

    def magnification(self, shown: Sequence[images.Image], look: Look) -> float | None:
        """The magnification at which a model answers images of one acquisition best; for tasks that do not measure ``by_width``.

        Args:
            shown: images of one magnification, each as ``learning.encode`` takes it.
            look: the model.

        Returns:
            The magnification, or None where no other is clearly better than none.
        """
        raise NotImplementedError

    def to_original_scale(self, answer: Answer, shape: tuple[int, int], seen: tuple[int, int]) -> Answer:
        """The answer to a magnified image of shape ``seen`` (H, W), in the pixels of the image itself, of ``shape`` (H, W).

        For tasks that are ``magnifiable``.
        """
        raise NotImplementedError

    def guaranteed(self, answer: Answer, limits: Mapping[str, float]) -> Answer:
        """The answer with what it leaves open: a set of classes, a radius, an interval.

        Args:
            answer: in the pixels of the image as the model saw it.
            limits: by the name of a guarantee, the largest score that is to be covered, see :meth:`Scoring.nonconformity`.
        """
        del limits
        return answer

    def agreements(
        self,
        answers: Sequence[Answer],
        activated: Sequence[npt.NDArray[np.float32]],
        shown: Sequence[images.Image],
        look: Look,
    ) -> list[tuple[float, ...]]:
        """How far a model agrees with itself on each image; for tasks that have ``doubts``.

        Args:
            answers: the answers to the images.
            activated: the outputs that were decoded.
            shown: the images, each as ``learning.encode`` takes it.
            look: the model, which answers changed views of the images, or of a part of each.

        Returns:
            What :meth:`doubted` takes of each image.
        """
        raise NotImplementedError

    def doubted(self, agreements: Sequence[tuple[float, ...]]) -> list[float]:
        """The expected error of each answer, 0 to 1, from what :meth:`agreements` returned of the images of one acquisition.

        By default each by itself, from the first number: the agreement, 0 to 1.
        """
        assert self.doubts is not None
        return [self.doubts.expected(agreement) for agreement, *_ in agreements]


def _median(alike: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """The median of arrays of one shape; so many values at a time as a processor holds near itself."""
    median = np.empty(alike[0].shape, np.float32)
    flat, found = [each.reshape(-1) for each in alike], median.reshape(-1)
    for first in range(0, found.size, AT_ONCE):
        some = np.stack([each[first : first + AT_ONCE] for each in flat]).astype(np.float32, copy=False)
        found[first : first + AT_ONCE] = np.median(some, axis=0)
    return median


def _deviation(parts: Sequence[npt.NDArray[np.float32]], shares: Sequence[float]) -> float:
    """The mean of the weighted standard deviation of parts of one shape."""
    mean = sum(share * part.astype(np.float64) for share, part in zip(shares, parts, strict=True))
    variance = sum(share * (part - mean) ** 2 for share, part in zip(shares, parts, strict=True))
    return float(np.sqrt(variance).mean())
