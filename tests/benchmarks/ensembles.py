"""Comparisons and the gate where nothing differs; and what several trainings gain: ensembles, soups, distilled networks.

Each stands beside the best of its members and beside one member that was trained as long as all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import default_run
from claims import Claim

from brightfield import params, tasks
from brightfield.evaluation import comparison, gates, reports
from brightfield.evaluation.comparison import Compared
from brightfield.evaluation.gates import Standing
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import VALIDATION
from brightfield.metrics.declarations import declared
from brightfield.training.students import SUFFIX
from scored import crops

LEADERBOARDS, MODELS, SMEARS = 300, 5, 12
CANDIDATES, TIMES = 100, 5
RESAMPLES = 200
PROFILE = "combined"
TAUGHT = {  # task -> who teaches whom
    "rbc": ("rbc-ensemble", "rbc-finetuned"),
    "beads": ("beads-combined", "beads-unet-1"),
    "bacteria": ("bacteria-ensemble", "bacteria-tuned"),
    "denoise": ("denoise-ensemble", "denoise-unet"),
}


def rows() -> Iterator[Claim]:
    """First what chance does, then a run of the pipeline."""
    settings = params.with_overrides(
        params.load(default_run.REPOSITORY / params.PARAMS), "evaluation", {"bootstrap": RESAMPLES}
    )
    wrong = sum(_one_is_called_worse(settings, i) for i in range(LEADERBOARDS))
    yield Claim(
        f"leaderboards of {MODELS} equal models in which one is called worse", 100 * wrong / LEADERBOARDS, "%", aim=5
    )
    promoted = max(_promoted(settings, i) for i in range(TIMES))
    yield Claim(f"most promotions of {CANDIDATES} equal candidates, {TIMES} times", promoted, aim=5)
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        default_run.clone(folder)
        default_run.repro(folder, PROFILE)
        for task, (teacher, student) in TAUGHT.items():
            default_run.command(folder, "brightfield", "distil", task, teacher, "--student", student)
        default_run.repro(folder)
        with chdir(folder):
            yield from gains(params.load())


def _equal(name: str, seed: int) -> Scored:
    return Scored(name, "rbc", crops({"test": 0.8}, seed, SMEARS, 16), "the same")


def _one_is_called_worse(settings: params.Params, experiment: int) -> bool:
    models = [_equal(str(i), MODELS * experiment + i) for i in range(MODELS)]
    return any(each.is_decided for each in comparison.leaderboard(models, "test", settings))


def _promoted(settings: params.Params, experiment: int) -> int:
    """How many of the candidates take the champion's place, each beside the champion of its day."""
    asked, nowhere = settings.model_copy(update={"gates": {}}), Path()
    champion, times = Standing(_equal("champion", 1_000_000 + 1000 * experiment), nowhere), 0
    for look in range(1, CANDIDATES + 1):
        candidate = Standing(_equal("candidate", 1_000_000 + 1000 * experiment + look), nowhere)
        if gates.judge(asked, champion, candidate, look=look).passed:
            champion, times = candidate, times + 1
    return times


def gains(settings: params.Params) -> Iterator[Claim]:
    """Of each task every way of using several trainings, on test and on every suite, beside the best member on validation."""
    for task, (ensemble, student) in TAUGHT.items():
        members = settings.members_of(settings.ensembles[ensemble])
        best = _best_on_validation(task, members, settings)
        others = {
            "trained as long": settings.ensembles[ensemble].beside[0],
            "ensemble": ensemble,
            **{
                _of_entry(entry): name
                for name, entry in settings.ensembles.items()
                if entry.task == task and name != ensemble
            },
            "distilled": f"{student}{SUFFIX}",
        }
        alone = reports.read(best, settings)
        for role, name in others.items():
            pair = [alone, reports.read(name, settings)]
            for compared in (comparison.compare(pair, "test", settings)[0], *comparison.compare_suites(pair, settings)):
                yield _gain(f"{task}, {compared.part}: {role} ({name})", best, compared)


def _of_entry(entry: params.Ensemble) -> str:
    return entry.method if entry.method == "soup" else "ensemble of five classes"


def _best_on_validation(task: str, members: list[str], settings: params.Params) -> str:
    """As a lab would choose it, which has not seen the test."""
    scoring = tasks.build(settings.tasks[task].kind, settings.tasks[task].settings).scoring
    objective = tasks.KINDS[settings.tasks[task].kind].objective
    values = {}
    for name in members:
        table = reports.read(name, settings).table
        values[name] = scoring.summarise(table[table["split"] == VALIDATION])[objective.metric]
    return max(values, key=lambda name: objective.rank(values[name]))


def _gain(what: str, best: str, compared: Compared) -> Claim:
    difference, metric = compared.difference, declared(compared.difference.metric)
    return Claim(
        f"{what}: gain {metric.said(difference.value, difference.low, difference.high)}",
        difference.b,
        metric.unit,
        better="higher" if metric.direction == "maximize" else "lower",
        against=best,
        peer_value=difference.a,
    )
