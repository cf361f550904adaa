"""Findings of an audit and how they are reported: each finding as a sentence, each check as a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from brightfield.errors import BrightfieldError

Outcome = Literal["ok", "warning", "problem"]
SHOWN = 20  # maximum number of problems in one message
EXAMPLES = 5  # maximum number of examples of one check

# The checks in the order of their rows
AGREEMENT = "index and images agree"
GROUPS = "each group in one split"
SPLITS_FILLED = "every split has images"
CONSTANT = "no constant image"
FINITE = "all values finite"
TRUTH = "truth fits its image"
PIECES = "masks in one piece"
HOLES = "masks without holes"
COPIES = "no image twice"
NEAR_COPIES = "no near copies between groups"
SATURATION = "no saturated image"
CLASSES = "classes in every split"
ALWAYS = (AGREEMENT, GROUPS, SPLITS_FILLED, CONSTANT, FINITE, TRUTH, COPIES, NEAR_COPIES, SATURATION)
ORDER = (*ALWAYS[:6], PIECES, HOLES, *ALWAYS[6:], CLASSES)


@dataclass(frozen=True)
class Finding:
    """One finding of a check.

    Attributes:
        check: name of the check, one of those above.
        outcome: ``problem`` must be fixed before training, ``warning`` should be known.
        message: a sentence for the user.
        count: number of images, pairs, groups or masks concerned.
        examples: the first of them.
    """

    check: str
    outcome: Outcome
    message: str
    count: int = 1
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One row of the audit: a check with its worst outcome, the number of its findings and the first examples."""

    name: str
    outcome: Outcome
    count: int
    examples: list[str]


@dataclass(frozen=True)
class Audit:
    """Result of an audit.

    Attributes:
        problems: sentences that name images or groups; each problem must be fixed before training.
        warnings: sentences about what a user should know.
        checks: every check that applies to the dataset, including those without findings.
        counts: images and groups of each split, as ``{"train": {"images": 10, "groups": 3}, ...}``.
        classes: images of each class in each split, as ``{"train": {"0": 7, "1": 3}, ...}``; empty without labels.
        saturated: share of values at the camera's limit over all images, 0 to 1.
    """

    problems: list[str]
    warnings: list[str]
    checks: list[Check]
    counts: dict[str, dict[str, int]]
    classes: dict[str, dict[str, int]]
    saturated: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def raise_if_failed(self) -> None:
        """Raise BrightfieldError that lists the problems, if there are any."""
        if self.problems:
            more = [f"... and {len(self.problems) - SHOWN} more"] if len(self.problems) > SHOWN else []
            listed = "\n  ".join(self.problems[:SHOWN] + more)
            raise BrightfieldError(f"The dataset has {len(self.problems)} problems and cannot be used:\n  {listed}")


def summarise(findings: Iterable[Finding], applying: Iterable[str]) -> list[Check]:
    """One row for each check that applies, in the order of ``ORDER``."""
    by_check: dict[str, list[Finding]] = {name: [] for name in applying}
    for finding in findings:
        by_check.setdefault(finding.check, []).append(finding)
    return [_row(name, by_check[name]) for name in ORDER if name in by_check]


def _row(name: str, findings: list[Finding]) -> Check:
    outcomes = {finding.outcome for finding in findings}
    worst: Outcome = "problem" if "problem" in outcomes else "warning" if outcomes else "ok"
    examples = [example for finding in findings for example in finding.examples]
    return Check(name, worst, sum(finding.count for finding in findings), examples[:EXAMPLES])
