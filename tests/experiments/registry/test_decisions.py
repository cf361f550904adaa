"""Who may move an alias and when, and the log of it, on a real database."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from brightfield.errors import BrightfieldError
from brightfield.experiments import registry, runs
from brightfield.experiments.registry import decision_log, turns
from brightfield.experiments.registry.turns import turn
from brightfield.system import environment
from published import bundle, publish


def versions(task: str, folder: Path, count: int = 3) -> list[registry.Version]:
    return [publish(task, bundle(folder / str(i), weights=bytes([i])), f"model{i}") for i in range(count)]


# --- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_store")
def test_every_decision_is_logged(tmp_path: Path) -> None:
    assert registry.decisions("nobody").empty
    one, two, three = versions("logged", tmp_path)
    registry.promote("logged", one, {"why": "there was no champion"}, expected=None)
    registry.challenge("logged", two, {"why": ["Worse.", "Larger."], "data_hash": "abc.dir", "look": 1})
    registry.promote("logged", three, {"why": ["Better."], "data_hash": "abc.dir", "look": 2}, expected=1)
    registry.promote("logged", two, {"why": ["Because."], "decision": "forced"})
    registry.roll_back("logged")
    log = registry.decisions("logged")
    assert log["decision"].tolist() == ["rolled back", "forced", "promoted", "refused", "promoted"]
    assert log["version"].tolist() == [3, 2, 3, 2, 1]
    assert log["model"].tolist() == ["model2", "model1", "model2", "model1", "model0"]
    assert log["champion"].fillna(0).tolist() == [2, 3, 1, 1, 0]
    assert log["why"].tolist()[1:4] == [["Because."], ["Better."], ["Worse.", "Larger."]]
    assert log["why"][0] == ["Back from model1 (version 2)."]
    assert all("@" in who for who in log["who"])
    assert log["at"].is_monotonic_decreasing


def test_long_reasons_are_cut(tmp_path: Path) -> None:
    (one,) = versions("wordy", tmp_path, 1)
    registry.challenge("wordy", one, {"why": ["It is too long to be kept. " * 10] * 100})
    (why,) = registry.decisions("wordy")["why"]
    assert 10 < len(why) < 30
    assert why[-1].endswith(" ...")
    assert set(why[:-1]) == {("It is too long to be kept. " * 10).strip()}
    registry.challenge("wordy", one, {"why": ["\u00e9\n" * 9000]})
    (alone,), _ = registry.decisions("wordy")["why"]
    assert 4000 < len(alone) < 4900
    assert "\n" not in alone


def test_an_entry_that_somebody_has_damaged_does_not_hide_the_others(tmp_path: Path) -> None:
    (one,) = versions("damaged", tmp_path, 1)
    registry.promote("damaged", one, {"why": "there was no champion"})
    runs.connect().set_registered_model_tag("damaged", f"{decision_log.PREFIX}20200101T000000.aa", "{no json")
    log = registry.decisions("damaged")
    assert log["decision"].tolist() == ["promoted", "unreadable"]
    assert registry.look("damaged", None, 1, 2) == 1


def test_a_look_is_a_question_asked_of_the_same_images(tmp_path: Path) -> None:
    one, two, three = versions("looked", tmp_path)
    registry.promote("looked", one, {})
    assert registry.look("looked", "abc.dir", one.number, two.number) == 1
    registry.challenge("looked", two, {"data_hash": "abc.dir"})
    assert registry.look("looked", "abc.dir", one.number, two.number) == 1  # the same question
    assert registry.look("looked", "abc.dir", one.number, three.number) == 2
    assert registry.look("looked", "other.dir", one.number, three.number) == 1
    assert registry.look("looked", None, one.number, three.number) == 2  # which images nobody knows
    registry.challenge("looked", two, {"data_hash": "abc.dir"})
    registry.promote("looked", three, {"data_hash": "abc.dir"})
    assert registry.look("looked", "abc.dir", three.number, two.number) == 3


# --- aliases ----------------------------------------------------------------------------------------------------------


def test_who_is_refused_is_the_challenger_until_it_is_promoted(tmp_path: Path) -> None:
    one, two, three = versions("refused", tmp_path)
    registry.promote("refused", one, {})
    registry.challenge("refused", two, {})
    assert registry.find("refused", registry.CHALLENGER).number == two.number
    registry.challenge("refused", three, {})
    assert registry.find("refused", registry.CHALLENGER).number == three.number
    registry.promote("refused", two, {})
    assert registry.find("refused", registry.CHALLENGER).number == three.number
    registry.promote("refused", three, {})
    with pytest.raises(BrightfieldError, match="aliases: champion, previous"):
        registry.find("refused", registry.CHALLENGER)


@pytest.mark.usefixtures("any_store")
def test_any_former_champion_can_be_gone_back_to(tmp_path: Path) -> None:
    one, two, three, four = versions("back", tmp_path, 4)
    with pytest.raises(BrightfieldError, match="'back' has no champion to go back from"):
        registry.roll_back("back")
    for version in (one, two, three):
        registry.promote("back", version, {})
    registry.challenge("back", four, {})
    with pytest.raises(
        BrightfieldError, match=r"Version 4 \(model3\) never was champion.*promote back 4. asks the gate"
    ):
        registry.roll_back("back", version=4)
    registry.challenge("back", one, {})
    assert registry.roll_back("back", version=1).number == one.number
    assert registry.find("back", registry.PREVIOUS).number == three.number
    with pytest.raises(BrightfieldError, match="no 'challenger'"):  # a champion challenges no more
        registry.find("back", registry.CHALLENGER)
    assert registry.roll_back("back").number == three.number
    with pytest.raises(BrightfieldError, match=r"Version 3 \(model2\) is the champion of 'back' already"):
        registry.roll_back("back", version=3)
    with pytest.raises(BrightfieldError, match="no version 9 to go back to"):
        registry.roll_back("back", version=9)


@pytest.mark.usefixtures("any_store")
def test_a_promotion_is_refused_if_another_one_was_faster(tmp_path: Path) -> None:
    one, two, three = versions("overtaken", tmp_path)
    registry.promote("overtaken", one, {}, expected=None)
    registry.promote("overtaken", two, {}, expected=one.number)
    with pytest.raises(BrightfieldError, match=r"changed meanwhile: it is model1 \(version 2\) now.*Try again"):
        registry.promote("overtaken", three, {}, expected=one.number)
    with pytest.raises(BrightfieldError, match="changed meanwhile"):
        registry.promote("overtaken", three, {}, expected=None)
    with pytest.raises(BrightfieldError, match="changed meanwhile"):
        registry.challenge("overtaken", three, {}, expected=one.number)
    assert registry.find("overtaken").number == two.number
    assert len(registry.decisions("overtaken")) == 2
    runs.connect().delete_registered_model_alias("overtaken", "champion")
    with pytest.raises(BrightfieldError, match="there is none now"):
        registry.promote("overtaken", three, {}, expected=two.number)


# --- turns ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_store")
def test_a_turn_leaves_nothing_behind(tmp_path: Path) -> None:
    client = runs.connect()

    def under_way() -> list[str]:
        return [found.name for found in client.search_registered_models() if "under way" in found.name]

    with turn(client, "t"):
        assert under_way() == ["t - promotion under way"]
        with turn(client, "other"):
            pass
    assert under_way() == []
    with pytest.raises(ZeroDivisionError), turn(client, "t"):
        1 / 0  # noqa: B018
    assert under_way() == []


def test_a_turn_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    client = runs.connect()
    monkeypatch.setattr(turns, "WAIT_S", 0.2)
    with (
        turn(client, "held"),
        pytest.raises(BrightfieldError, match="Another process is changing.*'held - promotion under way'"),
        turn(client, "held"),
    ):
        pass


def test_a_turn_of_a_process_that_is_gone_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    client = runs.connect()
    with turn(client, "dead"):
        monkeypatch.setattr(turns, "DEAD_S", -1.0)
        with turn(client, "dead"):
            taken_over = client.get_registered_model("dead - promotion under way").description
            monkeypatch.setattr(turns, "DEAD_S", 120.0)
        client.create_registered_model("dead - promotion under way", description="a third one")
    assert client.get_registered_model("dead - promotion under way").description == "a third one" != taken_over
    client.delete_registered_model("dead - promotion under way")


def promote_at(place: str, number: int, at: float, said: Any) -> None:
    """In a process of its own: promote a version that was compared with version 1."""
    import os

    os.chdir(place)
    time.sleep(max(0.0, at - time.time()))
    try:
        registry.promote("race", number, {"why": "Better."}, expected=1)
        said.put((number, "promoted"))
    except BrightfieldError as error:
        said.put((number, str(error)))


@pytest.mark.usefixtures("any_store")
def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(store: Path, tmp_path: Path) -> None:
    one, *others = versions("race", tmp_path)
    registry.promote("race", one, {}, expected=None)
    context = multiprocessing.get_context("spawn")
    said, at = context.Queue(), time.time() + 6  # both have imported MLflow by then
    racers = [context.Process(target=promote_at, args=(str(store), v.number, at, said)) for v in others]
    for racer in racers:
        racer.start()
    found = dict(said.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    (winner,) = [number for number, what in found.items() if what == "promoted"]
    (loser,) = found.keys() - {winner}
    assert f"(version {winner}) now, with which version {loser} was not compared" in found[loser]
    assert registry.find("race").number == winner
    assert registry.find("race", registry.PREVIOUS).number == one.number
    assert registry.decisions("race")["decision"].tolist() == ["promoted", "promoted"]


def test_a_user_without_a_name_is_logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(environment.getpass, "getuser", nobody)
    (one,) = versions("nameless", tmp_path, 1)
    registry.promote("nameless", one, {})
    assert registry.decisions("nameless")["who"][0].startswith("unknown@")
