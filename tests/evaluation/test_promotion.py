"""Who becomes champion, on a real registry: the worse, the equal and the narrow are refused, the better one wins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import candidates, champions, promotion
from brightfield.evaluation.candidates import Candidate
from brightfield.evaluation.gates import Standing
from brightfield.evaluation.reports import Scored
from brightfield.experiments import registry
from brightfield.experiments.registry import Version
from brightfield.system import lineage
from published import bundle, publish
from scored import crops

# skill on test and on the suite focus
SKILLS = {"first": (1.0, 1.0), "worse": (0.5, 0.5), "equal": (1.0, 1.0), "narrow": (2.0, 0.2), "better": (2.0, 2.0)}
SEEDS = {name: i for i, name in enumerate(SKILLS)}


@pytest.fixture
def own(tracked_project: Path, any_store: str, monkeypatch: pytest.MonkeyPatch) -> params.Params:
    """A project whose gate of rbc asks for suites, and whose versions are known by their names."""
    del tracked_project, any_store
    known = params.load()
    monkeypatch.setattr(lineage, "data_hash", lambda _: "abc.dir")

    def standing(settings: params.Params, task: str, version: Version) -> Standing:
        del settings
        return Standing(Scored(f"{task}@{version.number}", task, table(version.model), "abc.dir"), Path(version.model))

    monkeypatch.setattr(candidates, "standing", standing)
    monkeypatch.setattr(candidates, "unsealed", lambda settings, known: known)
    monkeypatch.setattr(candidates, "check_eligible", lambda *_: None)
    evaluation = known.evaluation.model_copy(update={"bootstrap": 300})
    return known.model_copy(update={"gates": {"rbc": params.Gate(suites=0.03)}, "evaluation": evaluation})


def table(name: str) -> pd.DataFrame:
    skill, on_focus = SKILLS[name]
    return crops({"validation": skill, "test": skill, "focus": on_focus}, SEEDS[name])


def version(name: str) -> Version:
    return publish("rbc", bundle(Path(name), weights=name.encode(), name=name), name)


def candidate(name: str) -> Candidate:
    return Candidate(name, "member", Path(name), table(name), validation=0.9)


def register(own: params.Params, name: str) -> promotion.Decision:
    """As the stage does it for the best candidate of a pipeline."""
    return promotion.decide(own, "rbc", candidate(name), version(name))


def test_the_first_is_champion_without_a_question(own: params.Params) -> None:
    decided = register(own, "first")
    assert (decided.moved, decided.champion.model, decided.why) == (True, "first", "there was no champion")
    again = register(own, "first")
    assert (again.moved, again.champion.model, again.why) == (False, "first", "it is the best on validation already")
    assert len(registry.decisions("rbc")) == 1


@pytest.mark.parametrize(
    ("name", "why"),
    [("worse", "more than 0 is asked"), ("equal", "more than 0 is asked"), ("narrow", "Suite focus: AUC")],
)
def test_who_is_not_better_everywhere_is_refused(own: params.Params, name: str, why: str) -> None:
    register(own, "first")
    decided = register(own, name)
    assert (decided.moved, decided.champion.model) == (False, "first")
    assert decided.why.startswith(f"{name} (version 2) is refused against version 1 (first): ")
    assert why in decided.why
    assert registry.find("rbc", registry.CHALLENGER).model == name
    log = registry.decisions("rbc").iloc[0]
    assert (log["decision"], log["version"], log["champion"], log["look"], log["data_hash"]) == (
        "refused",
        2,
        1,
        1,
        "abc.dir",
    )
    assert " ".join(log["why"]) in decided.why


def test_who_is_better_is_champion_and_rolling_back_restores_the_one_before(own: params.Params) -> None:
    register(own, "first")
    register(own, "equal")
    decided = register(own, "better")
    assert (decided.moved, decided.champion.model) == (True, "better")
    assert decided.reason["look"] == 2
    assert decided.reason["difference"]["value"] > 0
    assert [check["passed"] for check in decided.reason["checks"]] == [True, True]
    assert decided.champion.promotion is not None
    assert decided.champion.promotion["why"].startswith("AUC ")
    assert registry.roll_back("rbc").model == "first"
    assert registry.champion("rbc").number == 1  # type: ignore[union-attr]


def test_a_version_is_promoted_by_hand_through_the_same_gate(own: params.Params) -> None:
    register(own, "first")
    with pytest.raises(BrightfieldError, match="there is no challenger to ask again.*brightfield versions rbc"):
        promotion.promote(own, "rbc", "challenger")
    register(own, "equal")
    refused = promotion.promote(own, "rbc", "challenger")
    assert (refused.moved, refused.reason["look"]) == (False, 1)  # the same question again
    version("better")
    assert promotion.promote(own, "rbc", "better").champion.number == 3
    with pytest.raises(BrightfieldError, match=r"Version 3 \(better\) is the champion of 'rbc' already"):
        promotion.promote(own, "rbc", "3")
    with pytest.raises(BrightfieldError, match="no 'bettre' for 'rbc'. Did you mean 'better'[?]"):
        promotion.promote(own, "rbc", "bettre")


def test_force_is_logged_with_its_reason(own: params.Params) -> None:
    register(own, "first")
    version("worse")
    with pytest.raises(BrightfieldError, match="--force takes the reason"):
        promotion.promote(own, "rbc", "worse", force="  ")
    decided = promotion.promote(own, "rbc", "worse", force="the camera was changed")
    assert (decided.moved, decided.champion.model) == (True, "worse")
    log = registry.decisions("rbc").iloc[0]
    assert (log["decision"], log["why"]) == ("forced", ["Without asking the gate: the camera was changed"])


def test_a_champion_that_is_gone_can_be_replaced_by_force(own: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    register(own, "first")

    def gone(settings: params.Params, task: str, which: Version) -> Standing:
        raise BrightfieldError(f"models:/{task}/{which.number} cannot be downloaded.")

    monkeypatch.setattr(candidates, "standing", gone)
    with pytest.raises(BrightfieldError, match=r"version 1 \(first\), cannot be compared: .*promote rbc 2 --force WHY"):
        register(own, "better")
    assert promotion.promote(own, "rbc", "better", force="the first is lost").champion.model == "better"


def test_a_champion_that_changes_meanwhile_is_not_overrun(own: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    register(own, "first")
    other, better = version("worse"), version("better")
    judged = promotion.gates.judge

    def slowly(*arguments, **options):  # type: ignore[no-untyped-def]
        registry.promote("rbc", other, {"why": "a colleague was faster"})
        return judged(*arguments, **options)

    monkeypatch.setattr(promotion.gates, "judge", slowly)
    with pytest.raises(BrightfieldError, match=r"it is worse \(version 2\) now, with which version 3 was not compared"):
        promotion.decide(own, "rbc", candidate("better"), better)
    assert registry.champion("rbc").model == "worse"  # type: ignore[union-attr]


def test_no_two_decisions_are_the_same_look(own: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one candidate is judged, another process refuses a second one: the first is judged again, at the next look."""
    register(own, "first")
    equal, worse = version("equal"), version("worse")
    judged, looks = promotion.gates.judge, []

    def slowly(*arguments, **options):  # type: ignore[no-untyped-def]
        looks.append(options["look"])
        if len(looks) == 1:
            registry.challenge("rbc", worse, {"why": ["a colleague was faster"], "look": 1, "data_hash": "abc.dir"})
        return judged(*arguments, **options)

    monkeypatch.setattr(promotion.gates, "judge", slowly)
    decided = promotion.decide(own, "rbc", candidate("equal"), equal)
    assert (looks, decided.moved, decided.reason["look"]) == ([1, 2], False, 2)
    assert "at decision 2 on these images" in decided.why
    log = registry.decisions("rbc")
    assert list(zip(log["model"], log["look"].astype(object), strict=True))[:2] == [("equal", 2), ("worse", 1)]
    with pytest.raises(registry.LookTakenError, match="was judged as decision 1 .* decision 2 now"):
        registry.challenge("rbc", equal, {"look": 1, "data_hash": "abc.dir"})


def test_the_log_as_text(own: params.Params) -> None:
    assert champions.decisions_as_text("rbc") == "rbc: nothing was decided yet"
    register(own, "first")
    register(own, "narrow")
    lines = champions.decisions_as_text("rbc").splitlines()
    assert lines[0] == "rbc: 2 decisions, newest first"
    assert "refused: narrow (version 2) beside version 1, by " in lines[1]
    assert lines[1].endswith(", decision 1 on these test images")
    assert lines[2].strip().startswith("Suite focus: AUC")
    assert "promoted: first (version 1), by " in lines[3]
    assert lines[4].strip() == "there was no champion"
    assert np.all([len(line) > 10 for line in lines])
