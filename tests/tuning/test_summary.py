"""What a study says of itself."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

import studied
from brightfield.tuning import studies, summary, trial_tables

pytestmark = pytest.mark.usefixtures("project")


def said(study: optuna.Study, confirmation: optuna.Study | None = None) -> str:
    return "\n".join(summary.sentences(summary.of(study, studied.METRIC, confirmation)))


def test_before_anything_ended_well() -> None:
    study = studied.begin(studied.identity())
    study.add_trial(studied.trial(0, None, TrialState.FAIL, reason="too large"))
    found = summary.of(study, studied.METRIC)
    assert (found.verdict, found.trials, found.best, found.changes) == ("empty", {"failed": 1}, None, {})
    assert said(study) == "No trial has ended well yet."


def test_a_search_proves_nothing() -> None:
    study = studied.fill(studied.begin(studied.identity()))
    found = summary.of(study, studied.METRIC)
    assert (found.verdict, found.best) == ("searching", 15)
    assert found.value == pytest.approx(0.2117, abs=1e-4)
    assert found.standard == pytest.approx(0.3484, abs=1e-4)
    assert found.search_s == 13 * 60 + 60 + 7 * 20 + 60 + 60  # complete, repeated, given up, failed, not trained
    assert said(study).startswith(
        "Not proved yet: the best of the search is trial 15 with capped error 0.2117 px, the entry as it is capped error 0.3484 px."
    )


def test_what_training_again_shows() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    confirmation = studied.confirm(study, of, gain=0.05)
    found = summary.of(study, studied.METRIC, confirmation)
    assert found.verdict == "better"
    assert found.gain is not None
    assert found.gain["name"] == "15"
    assert found.confirmations == {"complete": 4}
    assert found.confirmation_s == 4 * 180
    assert found.changes["network.filters"] == (10, 15)
    assert found.changes["training.turn_degrees"][0] is None
    assert "training.augment" in found.changes
    head, promised, test = said(study, confirmation).splitlines()
    assert head.startswith("Trial 15 is better than beads-unet as it is: -0.05")
    assert promised == "The search promised -0.1367 px: it flattered itself by 0.0848 px."
    assert (
        test
        == "On the test split, looked at once: capped error 0.3100 px against 0.3600, -0.0500 px (-0.0600 to -0.0400)."
    )


def test_a_gain_that_chance_explains() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    confirmation = studied.confirm(study, of, gain=0.001, noise=0.01)
    assert summary.of(study, studied.METRIC, confirmation).verdict == "unsure"
    assert said(study, confirmation).startswith(
        "No setting is shown to be better than beads-unet as it is. The best, trial "
    )


def test_trials_that_ended_since_are_not_judged_yet() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    confirmation = studied.confirm(study, of, gain=0.05)
    judged = study.user_attrs[studies.RESULT]
    study.set_user_attr(studies.RESULT, {**judged, "trials": studies.ended(study)})
    assert "since" not in said(study, confirmation)
    study.add_trial(studied.trial(24, [0.2]))
    assert said(study, confirmation).endswith(
        "One trial has ended since: when the search is over, its best are trained again."
    )
    study.add_trial(studied.trial(25, None, TrialState.PRUNED))
    study.add_trial(studied.trial(26, None, TrialState.FAIL))
    assert "2 trials have ended since" in said(study, confirmation)


def test_a_search_that_did_not_flatter_itself() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    confirmation = studied.confirm(study, of, gain=0.2)
    assert "The search promised -0.1367 px, not more than there is." in said(study, confirmation)


def test_a_front() -> None:
    study = studied.fill(studied.begin(studied.identity(), studied.TWO_AIMS))
    found = summary.of(study, studied.METRIC)
    assert found.verdict == "front"
    assert found.front == sorted(trial.number for trial in study.best_trials)
    assert f"{len(found.front)} settings are on the front of quality and time" in said(study)


def test_a_study_without_the_entry_as_it_is() -> None:
    study = studied.begin(studied.identity())
    study.add_trial(studied.trial(0, [0.3]))
    assert summary.of(study, studied.METRIC).standard is None
    assert "the entry as it is" not in said(study)


def test_numbers_are_those_that_there_are() -> None:
    of = studied.identity()
    study = studied.fill(studied.begin(of))
    shown = dict(summary.counted(summary.of(study, studied.METRIC)))
    assert shown == {
        "complete": "14",
        "given up": "8",
        "failed": "1",
        "running": "1",
        "epochs saved": "49 (24%)",
        "search": "18 min",
    }
    again = dict(summary.counted(summary.of(study, studied.METRIC, studied.confirm(study, of, 0.05))))
    assert (again["training again"], again["seed noise"]) == ("12 min", "0.005 px")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")]
)
def test_a_time_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert summary.lasting(seconds) == text


def test_nothing_was_saved_of_no_epochs() -> None:
    assert summary.saved(trial_tables.Epochs(0, 0, 0, 0)) == "0"
