"""``brightfield tune``: the search, the confirmation of its best, the one look at the test split, and what is said of it all."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.metrics.declarations import declared
from brightfield.system import progress
from brightfield.tuning import confirming, racing, ray_workers, reporting, studies, summary, worker_processes, workers
from brightfield.tuning.session import Request, Session, mean_seconds

Phase = Literal["search", "confirm"]
SHARE_OF_SEARCH = 0.5  # of the time, where it is limited; the rest trains the best again


def tune(request: Request, say: Callable[[str], None]) -> dict[str, Any]:
    """Run the study of a model, or go on with it, until it has as many trials as are asked for; then confirm the best.

    Args:
        request: what is asked.
        say: shows a line to the user.

    Returns:
        What was found, see :meth:`brightfield.tuning.confirming.Confirmed.as_dict`; empty where nothing was confirmed.

    Raises:
        BrightfieldError: nothing can be tuned, or all trials failed.
    """
    begun = time.time()
    session = Session(request)
    study = session.study
    say(_begins(session))
    deadline = (
        None if request.seconds is None else begun + request.seconds * (SHARE_OF_SEARCH if request.confirms else 1)
    )
    _run(session, "search", study, deadline, say)
    reporting.write(session)
    if not studies.best(study):
        reasons = [
            trial.user_attrs.get(studies.REASON) for trial in study.trials if trial.user_attrs.get(studies.REASON)
        ]
        raise BrightfieldError(
            f"No trial of {request.model!r} ended well. The last one: {reasons[-1] if reasons else 'no reason is known'}."
        )
    say(_searched(session))
    if session.aims.pareto:
        say(_front(session))
    if not request.confirms or session.aims.pareto:
        return {}
    return _confirm(session, None if request.seconds is None else begun + request.seconds, say)


def _begins(session: Session) -> str:
    done = workers.count(session.study, *workers.ENDED)
    request = session.request
    begins = f"{request.model}: {done} of {request.trials} trials are done"
    earlier = session.earlier
    if not done and earlier is not None and earlier.study_name != session.study.study_name:
        changed = ", ".join(session.identity.changed_since(earlier))
        begins += f"; the earlier study had another {changed}, so this is a new one"
    return f"{begins}. `make dashboard` shows them on the page Tuning."


def _run(
    session: Session, phase: Phase, study: optuna.Study, deadline: float | None, say: Callable[[str], None]
) -> None:
    """Run the trials of a phase with as many workers as are asked for, and show each as it ends."""
    request = session.request
    asked = request.trials if phase == "search" else len(study.get_trials(deepcopy=False))
    mirror = session.mirror(study)
    with (
        mirror.parent,
        progress.bar(asked, f"{phase} {request.model}", "trial", workers.count(study, *workers.ENDED)) as bar,
    ):
        shown = _Shown(session, study, bar, say)
        if request.cluster or request.workers > 1:
            _with_workers(session, phase, deadline, shown.update, say)
        elif phase == "search":
            session.search(deadline, shown.update)
        else:
            session.race(study, deadline, shown.update)
        mirror.agree()


def _with_workers(
    session: Session, phase: Phase, deadline: float | None, watch: Callable[[], None], say: Callable[[str], None]
) -> None:
    request, compute = session.request, session.settings.compute
    threads = compute.threads if request.cluster else max(1, compute.threads // request.workers)
    content = {**asdict(request), "at_most": list(request.at_most)}
    arguments = [
        *("tune-worker", phase, json.dumps(content), "--threads", str(threads)),
        *(() if deadline is None else ("--deadline", str(deadline))),
    ]
    if request.cluster:
        found = ray_workers.run(arguments, compute, session.trainer.folder, session.place.shared, watch, say)
        session.request = replace(request, workers=found)
        return
    command = [sys.executable, "-m", "brightfield.cli", *arguments, "--parent", str(os.getpid())]
    worker_processes.run(command, request.workers, threads, watch)


def work(phase: Phase, content: Mapping[str, Any], threads: int, deadline: float | None, parent: int | None) -> None:
    """What a worker does: run trials of a phase until there are enough."""
    workers.end_as_on_ctrl_c()
    session = Session(Request(**content), threads)

    def nothing() -> None:
        """The command that started this worker shows what there is."""

    if phase == "search":
        session.search(deadline, nothing, parent)
        return
    session.race(session.confirmation(), deadline, nothing, parent)


class _Shown:
    """Shows each trial when it has ended."""

    def __init__(self, session: Session, study: optuna.Study, bar: Any, say: Callable[[str], None]) -> None:
        self.session, self.study, self.bar, self.say = session, study, bar, say
        self.known = {trial.number for trial in self._ended()}

    def _ended(self) -> list[FrozenTrial]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]

    def update(self) -> None:
        """Show what has ended since the last time."""
        for trial in self._ended():
            if trial.number not in self.known:
                self.known.add(trial.number)
                self.bar.clear()
                self.say(_line(self.session, self.study, trial))
                if trial.state in workers.ENDED:
                    self.bar.total = max(self.bar.total, workers.count(self.study, *workers.ENDED))  # a race may go on
                    self.bar.update()


def _line(session: Session, study: optuna.Study, trial: FrozenTrial) -> str:
    metric = declared(session.objective.metric)
    seconds = trial.duration.total_seconds() if trial.duration else math.nan
    title = f"trial {trial.number}"
    if racing.OF in trial.user_attrs:
        of = trial.user_attrs[racing.OF]
        again = f"on {trial.user_attrs[racing.SPLITS]} splits" if racing.SPLITS in trial.user_attrs else "again"
        title = f"the entry as it is, {again}" if trial.user_attrs.get(studies.AS_IT_IS) else f"trial {of}, {again}"
    elif trial.user_attrs.get(studies.AS_IT_IS):
        title += ", the entry as it is"
    reason = trial.user_attrs.get(studies.REASON)
    if trial.state is TrialState.FAIL:
        return f"{title}: failed, {reason}"
    if trial.state is TrialState.PRUNED:
        return f"{title}: given up, {reason or f'after epoch {len(trial.intermediate_values)}'} ({seconds:.0f} s)"
    assert trial.values is not None
    best = min if session.objective.direction == "minimize" else max
    values = [each.values[0] for each in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    repeated = ", trained before" if studies.SAME_AS in trial.user_attrs else ""
    is_best = trial.values[0] == best(values) and racing.SPLITS not in trial.user_attrs  # else splits differ, too
    marked = " (the best so far)" if is_best else ""
    return f"{title}: {metric.said(trial.values[0])}{marked}{repeated} ({seconds:.0f} s)"


def _searched(session: Session) -> str:
    study = session.study
    metric = declared(session.objective.metric)
    trials = study.get_trials(deepcopy=False)
    states = {state: sum(trial.state is state for trial in trials) for state in TrialState}
    first, best = trials[0], studies.best(study)[0]
    assert best.values is not None
    as_it_is = f", the entry as it is {metric.said(first.values[0])}" if first.values else ""
    said = (
        f"{session.request.model}: {states[TrialState.COMPLETE]} trials complete, {states[TrialState.PRUNED]} given up, "
        f"{states[TrialState.FAIL]} failed. The best of the search is trial {best.number}: {metric.said(best.values[0])}{as_it_is}."
    )
    stopped = study.user_attrs.get(studies.STOPPED)
    return f"{said}\nStopped: {stopped['why']}." if stopped else said


def _front(session: Session) -> str:
    """The trials that no other beats both in the objective and in time, a line each, the quickest first."""
    metric = declared(session.objective.metric)
    lines = [
        f"  trial {trial.number}: {metric.said(trial.values[0])}, {trial.values[1]:.3g} ms an image"
        for trial in sorted(session.study.best_trials, key=lambda trial: trial.values[1])
    ]
    model = session.request.model
    return "\n".join(
        [
            f"{model}: no other trial is both better and quicker than any of these.",
            *lines,
            f"`brightfield adopt {model} --trial N --force` takes one; none was trained again.",
        ]
    )


def _confirm(session: Session, deadline: float | None, say: Callable[[str], None]) -> dict[str, Any]:
    study, search = session.confirmation(_most(session, deadline)), session.study
    known = search.user_attrs.get(studies.RESULT)
    is_known = known is not None and known["of"] == study.study_name and not workers.count(study, TrialState.WAITING)
    if known is not None and is_known and not session.prolonged(study, deadline):
        say(said(session, study))
        return dict(known)
    say(_confirms(session, study, is_known))
    _run(session, "confirm", study, deadline, say)
    with session.place.claims.turn(f"result of {study.study_name}"):
        other = search.user_attrs.get(studies.RESULT)  # of the same command on another machine, perhaps
        result = other if other is not None and other != known else _result(session, study, known)
        search.set_user_attr(studies.RESULT, result)
    # where it is open the same command goes on with further splits, and looks at all networks again
    if not session.confirmed(study).is_open:
        for of in racing.longest(study):
            for fingerprint in racing.fingerprints(study, of):
                shutil.rmtree(layout.trial(fingerprint).with_suffix(""), ignore_errors=True)
    reporting.write(session)
    say(said(session, study))
    return result


def _confirms(session: Session, study: optuna.Study, is_known: bool) -> str:
    model = session.request.model
    if is_known:
        return f"{model}: whether the best is better is still open, so it and the entry as it is are trained on further splits."
    count = len(racing.settings(study)) - 1
    best = f"the best {count} are" if count > 1 else "the best are"
    return (
        f"{model}: the entry as it is and {best} trained again, with {confirming.BLOCKS} seeds on other splits, because the best "
        "of many values is partly luck."
    )


def _result(session: Session, study: optuna.Study, known: Mapping[str, Any] | None) -> dict[str, Any]:
    """What training again found, with a look at the test split, as plain values."""
    found, search = session.confirmed(study), session.study
    result = {
        **found.as_dict(),
        "of": study.study_name,
        "test": session.on_test(study, found),
        "looks": 1 if known is None else known["looks"] + 1,  # at the test split
        "trials": studies.ended(search),  # of the search by then
        "promised_value": None if found.best is None else racing.searched(search)[found.best],
        "values": {} if found.best is None else dict(search.get_trials(deepcopy=False)[int(found.best)].params),
    }
    plain: dict[str, Any] = json.loads(json.dumps(result))
    return plain


def _most(session: Session, deadline: float | None) -> int:
    """How many settings are trained again: as many as half of the time that is left is enough for, one at least.

    The other half is for further splits: two settings on six splits prove smaller gains than five on three.
    """
    if deadline is None:
        return confirming.MOST
    seconds = mean_seconds(session.study) * confirming.BLOCKS / session.request.workers
    able = (deadline - time.time()) / 2 / seconds if seconds > 0 else confirming.MOST + 1
    return max(1, min(confirming.MOST, int(able) - 1))


def said(session: Session, confirmation: optuna.Study) -> str:
    """The result of a study in words, and what to do with it."""
    model = session.request.model
    found = summary.of(session.study, session.objective.metric, confirmation)
    lines = summary.sentences(found)
    lines[0] = f"{model}: {lines[0]}"
    if found.verdict == "better":
        lines.append(f"`brightfield adopt {model}` writes it into params.yaml as {model}-tuned.")
    elif found.verdict == "unsure":
        lines.append("The entry stays as it is; `brightfield adopt --force` takes the best anyway.")
        if found.result.get("is_open"):
            lines.append(
                f"`make tune MODEL={model}` trains both on further splits, up to {confirming.MOST_BLOCKS}, which may decide it."
            )
    return "\n".join(lines)
