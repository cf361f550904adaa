"""Which sampler and which pruner, and that a study draws what it would have drawn."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from brightfield import params
from brightfield.params import Search
from brightfield.tuning import sampling
from brightfield.tuning.sampling import SeededByTrial

RATE = Search(low=1e-4, high=1e-1, log=True)
DEPTH = Search(low=2, high=6)
NUMBERS = {"training.learning_rate": RATE, "network.depth": DEPTH}
NAMES = {**NUMBERS, "training.optimizer": Search(choices=["adamw", "rmsprop"])}
LISTS = {"training.augment": Search(choices=[["flip"], ["flip", "rotate"], []])}
WITH_CONDITION = {
    "training.optimizer": Search(choices=["adamw", "rmsprop"]),
    "training.weight_decay": Search(low=1e-5, high=1e-2, log=True, when={"training.optimizer": "adamw"}),
}


def objective(space: params.Space) -> object:
    def value(trial: optuna.Trial) -> float:
        drawn = sampling.drawn(trial, space, {})
        return float(sum(v for v in drawn.values() if isinstance(v, int | float)))

    return value


def study(space: params.Space, trials: int, workers: int = 1) -> list[dict[str, object]]:
    """What a study draws; with several workers, each has a sampler of its own."""
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(storage=storage, study_name="a")
    for number in range(trials):
        if number % workers == 0 or workers > 1:
            loaded = optuna.load_study(study_name="a", storage=storage, sampler=sampling.sampler(space, trials))
        loaded.optimize(objective(space), n_trials=1)  # type: ignore[arg-type]
    return [trial.params for trial in loaded.trials]


@pytest.mark.parametrize("space", [NUMBERS, NAMES, WITH_CONDITION], ids=["numbers", "names", "condition"])
def test_a_study_in_many_processes_draws_what_one_process_draws(space: params.Space) -> None:
    one, many = study(space, 11), study(space, 11, workers=11)
    assert one == many
    assert len({tuple(sorted(drawn.items())) for drawn in one}) == 11 or "training.weight_decay" in space


def test_the_rule_of_the_sampler() -> None:
    def made(space: params.Space, trials: int) -> object:
        sampler = sampling.sampler(space, trials)
        assert isinstance(sampler, SeededByTrial)
        return type(sampler._make(0)).__name__

    assert made(NUMBERS, 40) == "GaussianProcess"
    assert made(NUMBERS, 251) == "TPESampler"
    assert made(NAMES, 40) == "TPESampler"
    assert made(WITH_CONDITION, 40) == "TPESampler"


def test_what_was_tried_is_not_tried_again() -> None:
    """The best is at the end of a range, to which a Gaussian process comes back again and again."""
    space = {"training.learning_rate": Search(low=0.001, high=0.01, log=True)}
    found = optuna.create_study(direction="maximize", sampler=sampling.sampler(space, 30))
    found.optimize(lambda trial: sampling.drawn(trial, space, {})["training.learning_rate"], n_trials=30)
    rates = [trial.params["training.learning_rate"] for trial in found.trials]
    assert len(set(rates)) == 30
    assert max(rates) == pytest.approx(0.01, rel=1e-3)  # it was found all the same


def test_what_has_no_meaning_is_not_drawn() -> None:
    drawn = study(WITH_CONDITION, 12)
    assert {"adamw", "rmsprop"} == {trial["training.optimizer"] for trial in drawn}
    for trial in drawn:
        assert ("training.weight_decay" in trial) == (trial["training.optimizer"] == "adamw")


def test_lists_are_drawn_by_their_names() -> None:
    found = optuna.create_study()
    trial = found.ask()
    drawn = sampling.drawn(trial, LISTS, {})["training.augment"]
    assert drawn in (["flip"], ["flip", "rotate"], [])
    assert trial.params["training.augment"] == (" ".join(drawn) or "none")
    again = optuna.trial.FixedTrial(trial.params)
    assert sampling.drawn(again, LISTS, {}) == {"training.augment": drawn}


def test_steps_and_whole_numbers() -> None:
    space = {
        "network.template_px": Search(low=17, high=65, step=2),
        "network.sigma_px": Search(low=0.5, high=2.0, step=0.25),
    }
    for drawn in study(space, 10):
        assert drawn["network.template_px"] % 2 == 1  # type: ignore[operator]
        assert (drawn["network.sigma_px"] / 0.25) % 1 == pytest.approx(0)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "epochs", "trials", "kind"),
    [
        ("auto", 4, 200, optuna.pruners.MedianPruner),
        ("auto", 9, 200, optuna.pruners.HyperbandPruner),
        ("auto", 30, 40, optuna.pruners.MedianPruner),
        ("median", 30, 200, optuna.pruners.MedianPruner),
        ("hyperband", 4, 10, optuna.pruners.HyperbandPruner),
        ("none", 30, 200, optuna.pruners.NopPruner),
        ("auto", 1, 40, optuna.pruners.NopPruner),
        ("hyperband", 0, 40, optuna.pruners.NopPruner),  # a baseline
    ],
)
def test_the_rule_of_the_pruner(name: sampling.Pruning, epochs: int, trials: int, kind: type) -> None:
    assert isinstance(sampling.pruner(name, epochs, trials), kind)


def test_pruning_saves_epochs_and_finds_as_good_a_setting() -> None:
    """Thirty settings whose curves are known: how good they end shows early, but for noise."""
    import numpy as np

    def curve(number: int, epoch: int, epochs: int) -> float:
        rng = np.random.default_rng(number)
        end = float(rng.normal(0.7, 0.05))
        return (
            end
            - 0.3 * float(np.exp(-4 * epoch / epochs))
            + float(np.random.default_rng((number, epoch)).normal(0, 0.01))
        )

    asked: tuple[tuple[int, sampling.Pruning], ...] = ((6, "auto"), (12, "auto"), (12, "hyperband"))
    for epochs, pruning in asked:
        ends = [curve(number, epochs, epochs) for number in range(30)]
        found = optuna.create_study(direction="maximize", pruner=sampling.pruner(pruning, epochs, 30))
        trained = 0
        for number in range(30):
            trial = found.ask()
            state = TrialState.COMPLETE
            for epoch in range(1, epochs + 1):
                trained += 1
                trial.report(curve(number, epoch, epochs), epoch)
                if trial.should_prune():
                    state = TrialState.PRUNED
                    break
            found.tell(trial, ends[number] if state is TrialState.COMPLETE else None, state)
        assert trained <= 0.6 * 30 * epochs
        assert found.best_value >= max(ends) - 0.02
