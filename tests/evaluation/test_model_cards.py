"""A page that says what a model is for, what it learnt from, how good it is and where it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tiny
from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import model_cards
from brightfield.inference import bundle
from brightfield.system.files import atomic_folder, write_json
from trained import write_bundle


def interval(value: float | None) -> dict[str, float | None]:
    return {
        "value": value,
        "low": None if value is None else value - 0.01,
        "high": None if value is None else value + 0.01,
    }


SCORES: dict[str, Any] = {
    "test": {"accuracy": interval(0.9), "auc": interval(0.95), "log_loss": interval(0.2)},
    "suites": {"focus": {"auc": interval(0.8)}, "light": {"auc": interval(0.9)}, "dark": {"auc": interval(None)}},
    "kinds": {
        "burr": {"images": 12, "right": interval(0.5)},
        "normal": {"images": 40, "right": interval(0.97)},
        "never seen": {"images": 0, "right": interval(None)},
    },
    "ceiling": {"test": {"auc": {"value": 0.99, "low": None, "high": None}}},
    "data_hash": "abc.dir",
}


@pytest.fixture
def own(project: Path) -> params.Params:
    """A project with a trained and evaluated model of rbc."""
    del project
    write_bundle("classification", "rbc-convnet")
    evaluated("rbc-convnet")
    return params.load()


def evaluated(name: str) -> None:
    layout.report(name).mkdir(parents=True)
    write_json(layout.report(name) / layout.METRICS, SCORES)


def sections(text: str) -> dict[str, list[str]]:
    """The lines below each heading; those of the title under an empty name."""
    found: dict[str, list[str]] = {"": []}
    for line in text.splitlines():
        if line.startswith("## "):
            found[line.removeprefix("## ")] = []
        elif line:
            found[list(found)[-1]].append(line)
    return found


def card(own: params.Params, name: str = "rbc-convnet") -> dict[str, list[str]]:
    return sections(model_cards.text(own, name, layout.model("rbc", name)))


def test_what_it_is_and_what_it_is_for(own: params.Params) -> None:
    found = card(own)
    title, asked, *_ = found[""]
    assert title == "# rbc-convnet"
    assert asked == "To which class does an image belong? (bad, good) A model of task `rbc`."
    assert any(line.startswith("- architecture: convnet (filters [") for line in found["What it is"])
    assert any(line.startswith("- trained for ") for line in found["What it is"])
    assert any(line.startswith("- code: commit ") for line in found["What it is"])
    assert found["How to use it"][1].startswith("- `brightfield predict rbc images/")


def test_scores_with_intervals_the_objective_first(own: params.Params) -> None:
    good = card(own)["How good it is"]
    assert good[1:5] == [
        "- AUC 0.9500 (0.9400 to 0.9600)",
        "- accuracy 0.9000 (0.8900 to 0.9100)",
        "- log loss 0.2000 nats (0.1900 to 0.2100)",
        "- the best that any model could reach: AUC 0.9900",
    ]
    assert good[6:] == [
        "- focus: AUC 0.8000 (0.7900 to 0.8100)",
        "- light: AUC 0.9000 (0.8900 to 0.9100)",
        "- dark: AUC ?",
    ]


def test_where_it_fails_worst_first(own: params.Params) -> None:
    assert card(own)["Where it fails"] == [
        "- worst where focus is unlike training: AUC 0.8000",
        "- burr (12 test images): answered correctly 0.5000",
        "- normal (40 test images): answered correctly 0.9700",
    ]
    write_json(layout.report("rbc-convnet") / layout.METRICS, {"test": SCORES["test"], "suites": {}})
    assert "Where it fails" not in card(own)


@pytest.mark.parametrize(
    ("about", "licence"),
    [
        ({"origin": "simulated"}, "none is needed"),
        ({"origin": "imported", "licence": "CC BY 4.0"}, "CC BY 4.0"),
        ({"origin": "imported", "licence": ""}, "not given"),
    ],
)
def test_what_it_learnt_from(own: params.Params, about: dict[str, str], licence: str) -> None:
    described(own, {})
    assert card(own)["What it learnt from"] == ["- a dataset of which nothing is known"]
    described(own, {"dataset": {"name": "rbc", "hash": "abc.dir"}})
    layout.prepared("rbc").mkdir(parents=True)
    rows = [("train", "a"), ("train", "a"), ("train", "b"), ("validation", "c"), ("test", "d"), ("focus", "e")]
    index = pd.DataFrame(rows, columns=["split", "group"]).assign(id=range(6))
    index.to_csv(layout.prepared("rbc") / layout.INDEX, index=False)
    layout.raw("rbc").mkdir(parents=True)
    write_json(layout.raw("rbc") / layout.ABOUT, about)
    assert card(own)["What it learnt from"] == [
        "- dataset `rbc`, version abc.dir",
        "- train: 3 images of 2 groups, learnt from",
        "- validation: 1 images of 1 groups, chose the epoch and the threshold",
        "- test: 1 images of 1 groups, for the scores alone",
        "- suite focus: 1 images of 1 groups, for the scores alone",
        f"- origin: {about['origin']}; licence of the images: {licence}",
    ]


def described(own: params.Params, provenance: dict[str, Any], name: str = "rbc-convnet") -> None:
    """Write the bundle again, with this provenance."""
    old = bundle.read(layout.model("rbc", name))
    with atomic_folder(layout.model("rbc", name)) as folder:
        bundle.write(folder, name, "rbc", old.task.settings, old.model, old.network, provenance, old.coverage)


def test_uncommitted_code_is_said(own: params.Params) -> None:
    described(own, {"lineage": {"commit": "c0ffee0123456789", "dirty": True, "python": "3.11", "device": "a chip"}})
    assert card(own)["What it is"][-2:] == [
        "- code: commit c0ffee012345, with uncommitted changes",
        "- made with Python 3.11 on a chip",
    ]


def test_of_another_dataset_than_the_tasks(own: params.Params) -> None:
    described(own, {"dataset": {"name": "smears", "hash": None}})
    assert "trained on another dataset than the task's, `rbc`, and cannot become champion" in card(own)[""][-1]


def test_an_ensemble_names_its_members(own: params.Params) -> None:
    settings = tiny.SETTINGS["classification"]
    place = layout.model("rbc", "rbc-convnet")
    members = [bundle.Source(place, 0.75), bundle.Source(place, 0.25, views=8)]
    with atomic_folder(layout.ensemble("rbc", "rbc-ensemble")) as folder:
        bundle.write_ensemble(folder, "rbc-ensemble", "rbc", settings, members, {"method": "greedy"})
    evaluated("rbc-ensemble")
    found = sections(model_cards.text(own, "rbc-ensemble", layout.ensemble("rbc", "rbc-ensemble")))
    assert found["What it is"][0] == (
        "- an ensemble, combined by greedy: rbc-convnet 75%, rbc-convnet with 8 views 25%"
    )


def test_a_soup_names_what_is_in_it_and_a_student_its_teacher(own: params.Params) -> None:
    described(own, {"method": "soup", "ingredients": ["one", "two"]})
    assert card(own)["What it is"][0] == "- a soup: one network with the mean of the weights of one, two"
    old = bundle.read(layout.model("rbc", "rbc-convnet"))
    assert old.model.training is not None
    taught = old.model.training.model_copy(update={"distil_from": "7", "distil": 0.25})
    model = old.model.model_copy(update={"training": taught})
    with atomic_folder(layout.model("rbc", "rbc-convnet")) as folder:
        bundle.write(folder, "rbc-convnet", "rbc", old.task.settings, model, old.network, {}, old.coverage)
    assert "- learnt the answers of version 7 beside the truth, with a weight of 0.25" in card(own)["What it is"]


def test_a_card_fits_into_a_description(own: params.Params) -> None:
    many = {f"kind{i}": {"auc": interval(0.5)} for i in range(300)}
    write_json(layout.report("rbc-convnet") / layout.METRICS, {**SCORES, "suites": many})
    text = model_cards.text(own, "rbc-convnet", layout.model("rbc", "rbc-convnet"))
    assert len(text) <= 4900
    assert text.endswith(" ...")


def test_without_a_bundle_there_is_no_card(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match="There is no trained model in models/rbc/rbc-none"):
        model_cards.text(own, "rbc-none", layout.model("rbc", "rbc-none"))


def test_what_it_guarantees_is_said_with_what_was_measured(own: params.Params) -> None:
    """Over objects: validation has too few groups. A suite without objects is unknown."""
    size = {"value": 1.25, "low": 1.2, "high": 1.3}
    measured = {"test": interval(0.86), "focus": interval(0.72), "dark": interval(None)}
    section = {
        "coverage": 0.9,
        "limits": {"class": {"value": 0.6, "over": "objects", "groups": 8, "objects": 384}},
        "measured": {part: {"class": {"coverage": found, "size": size}} for part, found in measured.items()},
    }
    assert "What it guarantees" not in card(own)
    write_json(layout.report("rbc-convnet") / layout.METRICS, {**SCORES, "guarantees": section})
    promised, limited = card(own)["What it guarantees"]
    assert promised == (
        "- for 90% of images the true class is in the set, in the 8 groups of validation (to promise it of new groups, 9 are "
        "needed). Measured: test 86% (85% to 87%), focus 72% (71% to 73%), dark unknown; classes in a set 1.25 on test"
    )
    assert "does not hold for images unlike those" in limited
    section["limits"]["class"]["over"] = "groups"  # type: ignore[index]
    write_json(layout.report("rbc-convnet") / layout.METRICS, {**SCORES, "guarantees": section})
    assert "in new groups like the 8 of validation. Measured" in card(own)["What it guarantees"][0]
    section |= {"limits": {"class": {"value": None, "over": "objects", "groups": 1, "objects": 4}}, "measured": {}}
    write_json(layout.report("rbc-convnet") / layout.METRICS, {**SCORES, "guarantees": section})
    assert card(own)["What it guarantees"][0] == (
        "- nothing of this: for 90% of images the true class is in the set; validation has 4 images, 9 are needed"
    )
