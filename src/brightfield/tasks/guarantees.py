"""What a kind of task can guarantee of its answers: declared here, measured by :mod:`brightfield.evaluation.guarantees`."""

from __future__ import annotations

from dataclasses import dataclass

from brightfield.metrics.declarations import Metric


@dataclass(frozen=True)
class Guarantee:
    """A statement that is true of most objects.

    Attributes:
        objects: of what, in the plural ("found beads").
        holds: what is true of one of them ("the true position lies within the radius").
        where: where answers show it ("column radius_px").
        size: label and unit of how much is left open: of a set its classes, of a radius its pixels. Smaller says more.
    """

    objects: str
    holds: str
    where: str
    size: Metric

    def said(self, coverage: float) -> str:
        """The statement as part of a sentence, such as "for 90% of found beads the true position lies within the radius"."""
        return f"for {coverage:.0%} of {self.objects} {self.holds}"
