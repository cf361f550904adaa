"""Whether a candidate may take the champion's place: each thing that section ``gates`` asks is checked, and answered in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brightfield import layout, params, tasks
from brightfield.data.splitting import GATE
from brightfield.data.store import ImageSet
from brightfield.evaluation import comparison, costs
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import TEST
from brightfield.inference import bundle
from brightfield.inference.predictor import Predictor
from brightfield.metrics.declarations import declared
from brightfield.system.lineage import Lineage
from brightfield.tasks import Task

TIMED_IMAGES = 6  # of the test split, each answered by both models in turn
SMALL_MB = 20.0  # no model below this is too large, however small a classical champion is


@dataclass(frozen=True)
class Standing:
    """A model before the gate.

    Attributes:
        scored: its name and scores, on the same images as those of the other.
        folder: its bundle.
    """

    scored: Scored
    folder: Path


@dataclass(frozen=True)
class Check:
    """One thing that was asked.

    Attributes:
        asked: what, in a word or two.
        passed: whether it is so.
        said: with its figures, in a sentence.
    """

    asked: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Verdict:
    """All checks of one candidate.

    Attributes:
        checks: the objective first.
        difference: the candidate's objective minus the champion's on the images that decide.
        look: the how manieth decision on these test images it is, from 1.
    """

    checks: Sequence[Check]
    difference: Difference
    look: int

    @property
    def passed(self) -> bool:
        """Whether the candidate may become champion."""
        return all(check.passed for check in self.checks)

    def reasons(self) -> list[str]:
        """Sentences: of those checks that failed, or of all where none did."""
        return [check.said for check in self.checks if self.passed or not check.passed]


def judge(settings: params.Params, champion: Standing, candidate: Standing, *, look: int = 1) -> Verdict:
    """Check all that the task's gate asks: of the sealed split ``gate`` where both have answered it, else of the test split.

    The test images wear out: of many candidates that are as good as the champion, one looks better on them sooner or later. So the
    interval of the gain is wider with each decision on the same images: at the k-th, the chance that an equal candidate passes is
    (1 - confidence) / 2k. Of n equal ones, (1 - confidence) / 2 times about ln n + 0.6 pass on average: of a hundred, 0.13.

    Args:
        settings: with the task, its gate, and how intervals are computed.
        champion, candidate: scored on the same data.
        look: the how manieth decision on these test images it is, from 1.

    Raises:
        BrightfieldError: they cannot be compared.
    """
    models, gate = (champion.scored, candidate.scored), settings.gate(champion.scored.task)
    sealed = all((model.table["split"] == GATE).any() for model in models)
    split = GATE if sealed else TEST
    entry, rows = settings.tasks[champion.scored.task], champion.scored.of(split)
    task = tasks.build(entry.kind, entry.settings)
    metric, calibration = task.objective_of(rows).metric, task.scoring.calibration_metric
    asked = [metric, *([calibration] if calibration is not None and gate.calibration is not None else [])]
    found = comparison.differences(models, split, asked, settings)
    objective, informative = found[metric], task.scoring.informative_groups(rows, list(rows["group"]))
    checks = [_gain(objective, informative, gate.margin, settings.evaluation.confidence, look)]
    if gate.suites is not None:
        checks += list(_suites(task, models, settings, gate.suites))
    if gate.calibration is not None:
        checks.append(_calibration(found, calibration, champion.scored.task, gate.calibration))
    if gate.size is not None:
        checks.append(_size(champion, candidate, gate.size))
    if gate.time is not None:
        checks.append(_time(settings, champion, candidate, gate.time))
    if gate.committed:
        checks.append(_lineage(candidate))
    return Verdict(checks, objective, look)


def least_gain(difference: Difference, groups: int, sign: float, chance: float) -> float:
    """The lower bound of a gain that a candidate without any would exceed with this chance; nan where nothing is known.

    The bootstrap's standard error and Student's distribution: percentiles of a bootstrap over few groups are too near (Efron and
    Tibshirani, An Introduction to the Bootstrap, section 12.5), and their tails need many resamples.

    Args:
        difference: candidate minus champion.
        groups: how many tell how much it varies between groups.
        sign: 1 where more is better, -1 where less is.
        chance: one-sided.
    """
    if groups < 2 or not math.isfinite(difference.error):
        return float("nan")
    from scipy import stats

    error = difference.error * math.sqrt(groups / (groups - 1))
    return sign * difference.value - float(stats.t.isf(chance, groups - 1)) * error


def _gain(difference: Difference, groups: int, margin: float, confidence: float, look: int) -> Check:
    metric = declared(difference.metric)
    sign = 1.0 if metric.direction == "maximize" else -1.0
    chance = (1 - confidence) / 2 / look
    least = least_gain(difference, groups, sign, chance)
    values = f"{metric.said(difference.b)} against {difference.a:.{metric.decimals}f}"
    if math.isnan(least):
        return Check(
            "objective",
            False,
            f"{values}: of {groups} groups no gain can be told.",
        )
    gain = f"a gain of {sign * difference.value:+.{metric.decimals}f}, and {least:+.{metric.decimals}f} at least"
    asked = "" if least > margin else f"; more than {margin:g} is asked"
    return Check("objective", least > margin, f"{values}: {gain}, at decision {look} on these images{asked}.")


def _suites(
    task: Task[Any, Any], models: tuple[Scored, Scored], settings: params.Params, tolerance: float
) -> Iterator[Check]:
    """The objective on each suite that the champion has answered."""
    for suite in comparison.suites_of(models[0]):
        metric = task.objective_of(models[0].of(suite)).metric
        yield _suite(suite, comparison.differences(models, suite, [metric], settings)[metric], tolerance)


def _suite(name: str, difference: Difference, tolerance: float) -> Check:
    metric = declared(difference.metric)
    fall = -difference.value if metric.direction == "maximize" else difference.value
    passed = fall <= tolerance
    values = f"{metric.said(difference.b)} against {difference.a:.{metric.decimals}f}"
    asked = "" if passed else f", worse by {fall:.{metric.decimals}f}; {tolerance:g} is allowed"
    return Check(f"suite {name}", passed, f"Suite {name}: {values}{asked}.")


def _calibration(found: Mapping[str, Difference], name: str | None, task: str, tolerance: float) -> Check:
    if name is None:
        return Check(
            "calibration",
            False,
            f"Answers of {task} do not say how sure they are: remove gates.{task}.calibration.",
        )
    if name not in found or math.isnan(found[name].value):
        return Check(
            "calibration", False, f"{declared(name).label.capitalize()}: not both models say how sure they are."
        )
    difference, metric = found[name], declared(name)
    passed = difference.value <= tolerance
    values = f"{metric.said(difference.b)} against {difference.a:.{metric.decimals}f}"
    asked = "" if passed else f"; it may rise by {tolerance:g}"
    return Check("calibration", passed, f"{values[0].upper()}{values[1:]}{asked}.")


def _size(champion: Standing, candidate: Standing, times: float) -> Check:
    theirs, ours = (costs.megabytes(each.folder) for each in (champion, candidate))
    passed = ours <= max(times * theirs, SMALL_MB)
    asked = "" if passed else f"; {times:g} times the champion's is allowed"
    return Check("size", passed, f"{ours:.2f} MB against {theirs:.2f} MB{asked}.")


def _time(settings: params.Params, champion: Standing, candidate: Standing, times: float) -> Check:
    theirs, ours = milliseconds(settings, [champion, candidate])
    passed = ours <= times * theirs
    asked = "" if passed else f"; {times:g} times the champion's is allowed"
    return Check("time", passed, f"{ours:.1f} ms an image against {theirs:.1f} ms{asked}.")


def milliseconds(settings: params.Params, models: Sequence[Standing]) -> list[float]:
    """The median time for an image of the test split, of models that answer in turn, so that a busy machine is so for all."""
    task = settings.tasks[models[0].scored.task]
    test = ImageSet.prepared(layout.prepared(task.dataset), TEST)
    return costs.milliseconds([Predictor.load(model.folder, settings.compute) for model in models], test, TIMED_IMAGES)


def _lineage(candidate: Standing) -> Check:
    unclean = [f"{name} {why}" for name, lineage in _lineages(candidate.folder) if (why := _unclean(lineage))]
    said = (
        f"It was trained by uncommitted code: {', '.join(unclean)}." if unclean else "It was trained by committed code."
    )
    return Check("lineage", not unclean, said)


def _lineages(folder: Path) -> Iterator[tuple[str, Lineage]]:
    """Of a bundle and its members."""
    for file in sorted(folder.rglob(layout.BUNDLE)):
        described: dict[str, Any] = bundle.describe(file.parent)
        yield str(described["name"]), Lineage.from_dict(described["provenance"].get("lineage", {}))


def _unclean(lineage: Lineage) -> str | None:
    if lineage.commit is None:
        return "names no commit"
    return f"differs from commit {lineage.commit[:8]}" if lineage.dirty else None
