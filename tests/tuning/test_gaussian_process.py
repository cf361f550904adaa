"""What the Gaussian process learns from trials that were given up."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from brightfield.tuning.gaussian_process import GaussianProcess, with_expected_ends

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
SPACE = {"x": FloatDistribution(0, 1)}


def trial(
    curve: list[float], state: TrialState = TrialState.COMPLETE, x: float = 0.5, **constraints: float
) -> FrozenTrial:
    """A trial of which a curve is known; a complete one ends where its curve does."""
    made = create_trial(
        state=state,
        value=curve[-1] if state is TrialState.COMPLETE else None,
        params={"x": x},
        distributions=SPACE,
        intermediate_values=dict(enumerate(curve, 1)),
    )
    for name, value in constraints.items():
        made.set_constraint(name, value)
    return made


def test_a_pruned_trial_is_expected_to_gain_what_the_others_gained() -> None:
    """By hand: after epoch 2 the complete ones gained 1, 2 and 6; the median is 2."""
    complete = [trial([1, 4, 5]), trial([2, 3, 5]), trial([0, 0, 6])]
    pruned = [trial([0.5, 2.5], TrialState.PRUNED), trial([1.5], TrialState.PRUNED)]
    found = with_expected_ends([*complete, *pruned])
    assert [each.state for each in found] == [TrialState.COMPLETE] * 5
    assert [each.value for each in found] == [5, 5, 6, 2.5 + 2, 1.5 + 4]
    assert [each.state for each in pruned] == [TrialState.PRUNED] * 2  # the study's own stay as they are


def test_where_there_is_nothing_to_go_by_a_trial_stays_as_it_is() -> None:
    pruned = trial([1, 2], TrialState.PRUNED)
    for others in ([], [trial([1])], [trial([3], TrialState.RUNNING)]):  # of a complete one epoch 2 is not known
        assert with_expected_ends([*others, pruned])[-1] is pruned


def test_what_costs_too_much_is_expected_to_be_like_the_others_and_keeps_its_cost() -> None:
    too_slow = trial([], TrialState.PRUNED, ms=30.0)
    found = with_expected_ends([trial([1], ms=-1.0), trial([3], ms=-2.0), trial([4], ms=-5.0), too_slow])
    assert found[-1].value == 3
    assert found[-1].constraints == {"ms": 30.0}


@pytest.mark.parametrize(("kind", "among"), [(GaussianProcess, range(1)), (GPSampler, range(1, 9))])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_where_all_was_given_up_nothing_more_is_tried(kind: type[GPSampler], among: range, direction: str) -> None:
    """Good is a hill at 0.7; below 0.5 there is a steep slope, where all trials are given up after an epoch."""
    sign = 1 if direction == "maximize" else -1

    def value(x: float) -> float:
        return sign * (-((x - 0.7) ** 2) if x > 0.5 else -5.0)

    study = optuna.create_study(direction=direction, sampler=kind(seed=0, n_startup_trials=3))
    for x in (0.02, 0.15, 0.25, 0.35, 0.45):
        study.add_trial(trial([value(x) - sign], TrialState.PRUNED, x))
    for x in (0.52, 0.6, 0.9):
        study.add_trial(trial([value(x) - sign, value(x)], x=x))
    hopeless = 0
    for _ in range(8):
        asked = study.ask()
        x = asked.suggest_float("x", 0, 1)
        asked.report(value(x) - sign, 1)
        hopeless += x < 0.5
        study.tell(asked, None if x < 0.5 else value(x), TrialState.PRUNED if x < 0.5 else TrialState.COMPLETE)
    assert hopeless in among


def test_several_workers_know_what_the_others_are_at() -> None:
    """A trial that runs is not tried again: what was drawn is written to the real study."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="a", storage=storage, sampler=GaussianProcess(seed=0, n_startup_trials=3))
    for x, curve in ((0.1, [3.0, 2.0]), (0.5, [2.0, 1.0]), (0.9, [4.0, 3.0])):
        study.add_trial(trial(curve, x=x))
    drawn = []
    for _ in range(3):
        other = optuna.load_study(study_name="a", storage=storage, sampler=GaussianProcess(seed=0, n_startup_trials=3))
        drawn.append(other.ask().suggest_float("x", 0, 1))
    assert min(abs(a - b) for i, a in enumerate(drawn) for b in drawn[:i]) > 0.01


def test_of_several_aims_pruned_trials_are_left_out() -> None:
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=GaussianProcess(seed=0, n_startup_trials=2)
    )
    for x in (0.1, 0.5, 0.9):
        study.add_trial(
            create_trial(values=[x, 1 - x], params={"x": x}, distributions=SPACE, state=TrialState.COMPLETE)
        )
    study.add_trial(create_trial(params={"x": 0.3}, distributions=SPACE, state=TrialState.PRUNED))
    assert 0 <= study.ask().suggest_float("x", 0, 1) <= 1
