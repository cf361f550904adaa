"""Predictions from one or more bundles; a single model is an ensemble of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from brightfield import params
from brightfield.data import coverage
from brightfield.data.coverage import Coverage
from brightfield.errors import BrightfieldError
from brightfield.inference import activations, bundle
from brightfield.inference.bundle import Member
from brightfield.inference.device import start_device
from brightfield.inference.guarantees import Guarantees
from brightfield.results import Result
from brightfield.tasks import Encoded, Task
from brightfield.tasks.answering import Way


class Judged(NamedTuple):
    """Answers, and what a model itself says of how good they are.

    Attributes:
        results: an answer an image.
        agreements: of each image, for which a changed view of it, or of a part of it, is answered as well:
            ``task.answering.doubted`` makes expected errors of them. None where the task judges no answers.
        disagreements: how far the members of an ensemble are apart on each image; None for a single model.
    """

    results: list[Result]
    agreements: list[tuple[float, ...]] | None
    disagreements: list[float] | None


class Predictor:
    """Combines the activated outputs of its members (probabilities, heat maps, intensities) before they are decoded."""

    def __init__(
        self,
        members: Sequence[Member],
        compute: params.Compute | None = None,
        task: Task[Any, Any] | None = None,
        way: Way = "mean",
    ) -> None:
        if not members or sum(member.weight for member in members) <= 0:
            weights = [member.weight for member in members]
            raise BrightfieldError(f"The weights of the members are {weights}: expected at least one above zero.")
        self.members, self.way = list(members), way
        self.task = task or members[0].bundle.task  # with the settings of the ensemble
        self.guarantees: Guarantees | None = None  # what answers leave open; None: they say nothing of it
        self.compute = compute or params.Compute()
        self.device = start_device(self.compute)
        for member in self.members:
            # the memory layout of training: another one would change the last digits
            member.bundle.network.to(self.device.torch_device).to(memory_format=torch.channels_last)

    @classmethod
    def load(cls, folder: Path, compute: params.Compute | None = None) -> Self:
        """Load the predictor from the folder of a model or of an ensemble."""
        return cls(bundle.read_members(folder), compute, bundle.read_task(folder), bundle.read_way(folder))

    @property
    def task_name(self) -> str:
        """The task's name in params.yaml."""
        return self.members[0].bundle.task_name

    def predict(self, images: Sequence[np.ndarray]) -> list[Result]:
        """Predict one result for each image, (H, W) or (H, W, 3) of any size and numeric type."""
        return self._answered(self._encoded(images))[1]

    def judge(self, images: Sequence[np.ndarray], encoded: Sequence[Encoded] | None = None) -> Judged:
        """:meth:`predict`, and how far the model agrees with itself on each image.

        Args:
            images: as in :meth:`predict`.
            encoded: the same, if they are encoded already.
        """
        apart: list[float] = []
        activated, results = self._answered(self._encoded(images) if encoded is None else encoded, apart)
        answering = self.task.answering
        agreements = None if answering.doubts is None else answering.agreements(results, activated, images, self.look)
        return Judged(results, agreements, apart if len(self.members) > 1 else None)

    def look(self, images: Sequence[np.ndarray]) -> list[tuple[npt.NDArray[np.float32], Encoded]]:
        """The activated output for each image, and the image as it was encoded."""
        encoded = self._encoded(images)
        return list(zip(self.activations(encoded), encoded, strict=True))

    def _encoded(self, images: Sequence[np.ndarray]) -> list[Encoded]:
        return [self.task.learning.encode(image) for image in images]

    def _answered(
        self, encoded: Sequence[Encoded], apart: list[float] | None = None
    ) -> tuple[list[npt.NDArray[np.float32]], list[Result]]:
        """The activated output for each image, and what is decoded of it; ``apart`` receives the disagreement of members."""
        activated = list(self.stream(encoded, apart))
        results = self.task.answering.decode_all(activated, encoded)
        if self.guarantees is None:
            return activated, results
        return activated, [self.task.answering.guaranteed(result, self.guarantees.known) for result in results]

    def compare(self, images: Sequence[np.ndarray]) -> pd.DataFrame | None:
        """Compare images with the training data: columns outside, distance and farthest, one row per image.

        The training data are those of the member with the largest weight; None if its bundle, of an earlier version, has no
        coverage. See :meth:`brightfield.data.coverage.Coverage.compare`.
        """
        covered = self._covered
        return None if covered is None else covered.compare(coverage.measure_images(images))

    @property
    def known_width_px(self) -> float | None:
        """The width of what the training images show, in pixels as the model sees them; None where it was not measured."""
        return None if self._covered is None else self._covered.width_px

    @property
    def _covered(self) -> Coverage | None:
        return max(self.members, key=lambda member: member.weight).bundle.coverage

    def activations(self, encoded: Sequence[Encoded]) -> list[npt.NDArray[np.float32]]:
        """All of :meth:`stream`."""
        return list(self.stream(encoded))

    def stream(self, encoded: Sequence[Encoded], apart: list[float] | None = None) -> Iterator[npt.NDArray[np.float32]]:
        """The members' activated outputs as one, channels first, for each image, one at a time.

        Args:
            encoded: the images.
            apart: receives how far several members are apart on each image.
        """
        outputs = [self._votes(member, encoded) for member in self.members]
        return combined(self.task, outputs, [member.weight for member in self.members], self.way, apart)

    def _votes(self, member: Member, encoded: Sequence[Encoded]) -> Iterator[npt.NDArray[np.float32]]:
        asked = member.bundle
        views = asked.model.test_time_augmentation if member.views is None else member.views
        vote = self.task.answering.ballot if self.way == "vote" else self.task.answering.voted
        for activated in activations.stream(asked.task, asked.network, encoded, self.device, views):
            yield vote(activated, asked.task.settings)


def combined(
    task: Task[Any, Any],
    outputs: Sequence[Iterable[npt.NDArray[np.float32]]],
    weights: Sequence[float],
    way: Way = "mean",
    apart: list[float] | None = None,
) -> Iterator[npt.NDArray[np.float32]]:
    """The outputs of several models as one, for each image, one at a time; ``outputs`` has an iterable a model.

    Args:
        task: of the whole, see :meth:`brightfield.tasks.answering.Answering.combined`.
        outputs: votes as the task takes them.
        weights: of the models, in any unit.
        way: how they become one.
        apart: receives how far they are apart on each image, where there are several.
    """
    total = float(sum(weights))
    shares = [weight / total for weight in weights]
    iterators = [iter(of_model) for of_model in outputs]
    while True:
        of_image = [output for each in iterators if (output := next(each, None)) is not None]
        if not of_image:
            return
        if len(of_image) < len(iterators):
            raise ValueError(f"expected an output of each of {len(iterators)} models, got those of {len(of_image)}")
        if apart is not None and len(shares) > 1:
            apart.append(task.answering.disagreement(of_image, shares))
        whole = task.answering.combined(of_image, shares, way)
        del of_image  # of camera images this is much, and zip would hold it while the whole is decoded
        yield whole
