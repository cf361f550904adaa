"""Comparisons and the gate where nothing differs, and what the ensembles of the default run gain over their best members."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import default_run
from claims import Claim

from brightfield import params
from brightfield.evaluation import comparison, gates, reports
from brightfield.evaluation.comparison import Compared
from brightfield.evaluation.gates import Standing
from brightfield.evaluation.reports import Scored
from brightfield.metrics.declarations import declared
from scored import crops

LEADERBOARDS, MODELS, SMEARS = 300, 5, 12
CANDIDATES, TIMES = 100, 5
RESAMPLES = 200


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
        default_run.repro(folder)
        with chdir(folder):
            yield from _gains(params.load())


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


def _gains(settings: params.Params) -> Iterator[Claim]:
    """Each ensemble beside its best member, on test and on every suite."""
    for name, entry in settings.ensembles.items():
        members = [member for member, model in settings.comparable_with(entry).items() if not model.is_baseline]
        scored = {member: reports.read(member, settings) for member in members}
        whole = reports.read(name, settings)
        if len(scored) > 1:
            board = comparison.leaderboard(list(scored.values()), "test", settings)
            best = board[0].a
        else:
            (best,) = scored
        pair = [scored[best], whole]
        on_test = comparison.compare(pair, "test", settings)[0]
        for compared in (on_test, *comparison.compare_suites(pair, settings)):
            yield _gain(name, best, compared)


def _gain(name: str, best: str, compared: Compared) -> Claim:
    difference, metric = compared.difference, declared(compared.difference.metric)
    better = "higher" if metric.direction == "maximize" else "lower"
    words = metric.said(difference.value, difference.low, difference.high)
    return Claim(
        f"{name} on {compared.part}, less {best}: {words}",
        difference.b,
        metric.unit,
        better=better,
        against=best,
        peer_value=difference.a,
    )
