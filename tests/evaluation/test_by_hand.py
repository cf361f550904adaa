"""Mixtures by hand: their scores are those that the pipeline finds for the same mixture."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import by_hand
from brightfield.evaluation.by_hand import Bench
from brightfield.evaluation.mixtures import Votes
from brightfield.params import editing
from brightfield.stages import ensemble
from conftest import write_prepared
from mixable import KIND, MODELS, TASK, entries, make

NAME = "denoise-by-hand"
WEIGHTS = {"first": 3.0, "third": 1.0}


@pytest.mark.usefixtures("tracked_project")
def test_a_mixture_scores_as_the_pipeline_scores_it_once_it_is_saved() -> None:
    write_prepared(layout.prepared(TASK), KIND)
    settings = entries()
    assert by_hand.able(settings, TASK) == []  # nothing was evaluated
    make(settings, spread=0.05)
    assert by_hand.able(settings, TASK) == list(MODELS)
    bench = Bench.load(settings, TASK, ["first", "third"], "test")
    assert bench.ways == ["mean", "median"]
    table = bench.table(WEIGHTS)
    editing.add_entry("ensembles", NAME, by_hand.as_entry(settings, TASK, WEIGHTS))
    assert params.load().ensembles[NAME].weights == WEIGHTS
    assert "by given, of first 75%, third 25%" in ensemble.run(NAME)
    report = json.loads((layout.report(NAME) / layout.ENSEMBLE).read_text())
    rows = {row["name"]: row for row in report["rows"]}
    assert rows["given"]["value"] == pytest.approx(bench.value(table), rel=1e-6)
    gain = bench.gain(table, bench.table({"first": 1.0}))
    assert rows["first"]["gain"] == pytest.approx(gain.value, rel=1e-6)
    assert rows["first"]["gain_low"] == pytest.approx(gain.low, rel=1e-6)
    scored = pd.read_csv(layout.report(NAME) / layout.IMAGE_SCORES).query("split == 'test'")
    np.testing.assert_allclose(table["psnr_db"], scored["psnr_db"], rtol=1e-6)


@pytest.mark.usefixtures("project")
def test_how_a_mixture_is_written() -> None:
    settings = params.load()
    common = {"task": "denoise", "dataset": "denoise"}

    def written(weights: dict[str, float], way: str = "mean") -> dict[str, object]:
        return by_hand.as_entry(settings, "denoise", weights, way)  # type: ignore[arg-type]

    assert written({"a": 2, "b": 1}) == {**common, "method": "given", "weights": {"a": 2.0, "b": 1.0}}
    assert written({"a": 2, "b": 2}) == {**common, "members": ["a", "b"], "method": "soft_vote"}
    assert written({"a": 1}) == {**common, "members": ["a"], "method": "single"}
    assert written({"a": 1, "b": 1, "c": 1}, "median") == {**common, "members": ["a", "b", "c"], "method": "median"}
    with pytest.raises(BrightfieldError, match="A median has no weights"):
        written({"a": 1, "b": 2, "c": 1}, "median")


def test_classes_can_vote() -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    bench = Bench(task, None, Votes({}, {}), None)  # type: ignore[arg-type]
    assert bench.ways == ["mean", "median", "vote"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "given"}, "go together"),
        ({"weights": {"denoise-unet": 1.0}}, "go together"),
        ({"method": "given", "weights": {"denoise-unet": 0.0}}, "greater than 0"),
        ({"method": "given", "weights": {"denoise-unet": 1.0}, "members": ["denoise-n2v"]}, "leave members out"),
        ({"method": "given", "weights": {"denoise-unet": 1.0}, "test_time_augmentation": 8}, "leave it out"),
        ({"method": "given", "weights": {"nobody": 1.0}}, "weights.*'nobody'"),
        ({"method": "given", "weights": {"denoise-wavelet": 1.0}}, "'denoise-wavelet' is a baseline"),
    ],
)
def test_weights_that_make_no_sense_are_refused(changes: dict[str, object], said: str) -> None:
    content = params.load().model_dump()
    content["ensembles"]["mine"] = {"task": "denoise", "dataset": "denoise", **changes}
    with pytest.raises(ValueError, match=said):
        params.Params.model_validate(content)
