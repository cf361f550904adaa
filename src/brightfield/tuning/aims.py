"""What a study asks beside a good objective: that answers come quickly, and that a network is small.

A bound (``--at-most 50ms``) is a constraint: a network that breaks it is not trained. As an aim of its own (``--pareto``) the time
stands beside the objective, and the study ends with the front of those that no other trial beats in both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.evaluation.costs import MEGABYTE
from brightfield.metrics.declarations import Direction
from brightfield.tuning.trainings import Trainer

if TYPE_CHECKING:
    from brightfield import params

Cost = Literal["milliseconds", "megabytes"]
UNITS: Mapping[str, tuple[Cost, float]] = {
    "ms": ("milliseconds", 1.0),
    "s": ("milliseconds", 1000.0),
    "MB": ("megabytes", 1.0),
    "GB": ("megabytes", 1000.0),
}
SHOWN: Mapping[Cost, str] = {"milliseconds": "ms", "megabytes": "MB"}
TIMED = 5  # images


@dataclass(frozen=True)
class Aims:
    """Bounds and further aims of a study.

    Attributes:
        at_most: the bounds.
        pareto: whether the time of an answer is an aim beside the objective.
    """

    at_most: Mapping[Cost, float]
    pareto: bool = False

    @classmethod
    def read(cls, bounds: Sequence[str], pareto: bool) -> Aims:
        """Bounds as they are written on a command line: ``50ms``, ``0.5s``, ``20MB``.

        Raises:
            BrightfieldError: for something else.
        """
        found: dict[Cost, float] = {}
        for bound in bounds:
            match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]+)\s*", bound)
            if match is None or match[2] not in UNITS or float(match[1]) <= 0:
                raise BrightfieldError(
                    f"--at-most takes a time for an image or the size of a network, such as 50ms, 0.5s or 20MB, got {bound!r}."
                )
            cost, factor = UNITS[match[2]]
            found[cost] = float(match[1]) * factor
        return cls(found, pareto)

    @property
    def measured(self) -> bool:
        """Whether trials have to be measured."""
        return bool(self.at_most) or self.pareto

    def directions(self, metric: str, objective: Direction) -> dict[str, Direction]:
        """Those of the aims by their names, the objective first."""
        found = {metric: objective}
        return {**found, "milliseconds": "minimize"} if self.pareto else found

    def values(self, value: float, costs: Mapping[str, float]) -> list[float]:
        """What a trial reached of each aim."""
        return [value, costs["milliseconds"]] if self.pareto else [value]

    def violations(self, costs: Mapping[str, float]) -> dict[str, float]:
        """How far each bound is broken, as a share of it; 0 or less where it is kept."""
        return {name: costs[name] / most - 1 for name, most in self.at_most.items()}

    def said(self, costs: Mapping[str, float]) -> str:
        """The costs that break a bound, in words."""
        broken = [
            f"{costs[name]:.3g} {SHOWN[name]} for at most {most:g}"
            for name, most in self.at_most.items()
            if costs[name] > most
        ]
        return f"not trained: {', '.join(broken)}"

    def content(self) -> dict[str, Any]:
        """Plain values, for the identity of a study."""
        return {"at_most": dict(self.at_most), "pareto": self.pareto}


def costs(trainer: Trainer, entry: params.Model) -> dict[str, float]:
    """Milliseconds an image and megabytes of a network, before it is trained: neither depends on its weights.

    The time is the median for images of the validation split on the threads of this worker, without the decoding, which what is
    tuned leaves as it is.
    """
    network = trainer.task_of(entry).learning.network(entry).eval()
    predictor = trainer.untrained(entry, network) if entry.training else trainer.baseline(entry)
    records = trainer.splits.validation
    taken = []
    for i in range(TIMED + 1):
        encoded = predictor.task.learning.encode(predictor.task.learning.judged_pixels(records[i % len(records)]))
        with trainer.device.turn():
            begun = time.perf_counter()
            predictor.activations([encoded])
            taken.append(1000 * (time.perf_counter() - begun))
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    return {"milliseconds": float(np.median(taken[1:])), "megabytes": weights / MEGABYTE}  # the first has to warm up
