"""Ensembles."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import mixable
from brightfield import layout
from conftest import write_prepared
from pages import charts, open_page, start, text


@pytest.mark.usefixtures("project")
def test_an_ensemble_and_its_gain() -> None:
    app = open_page("ensembles")
    app.segmented_control(key="ensemble").set_value("beads-ensemble").run()
    assert not app.exception
    assert charts(app) == 2
    methods = app.dataframe[0].value
    assert methods.to_numpy().tolist() == [["soft vote", 0.19, ""], ["greedy", 0.2, "✓"]]
    table = app.dataframe[1].value.set_index("name")
    assert table.loc["beads-correlation", "gain"] == pytest.approx(0.35)  # an error that is smaller is a gain
    assert table.loc["beads-correlation", "gain, low"] == pytest.approx(0.32)
    assert "greedy selection" in text(app)
    pairs = app.dataframe[2].value
    assert list(pairs.columns) == ["member", "and", "correlation of errors"]  # positions are neither right nor wrong
    assert pairs["correlation of errors"].tolist() == [0.4]
    assert app.dataframe[3].value["without"].tolist() == ["beads-unet", "beads-unet-wide"]
    assert "rank correlation **0.55**" in text(app)
    assert "has 0.200: the ensemble is not shown to be better than it" in text(app)
    assert "0.061 :gray[(0.040 to 0.080)], of the ensemble 0.032" in text(app)
    costs = app.dataframe[4].value
    assert list(costs.columns) == ["name", "ms an image", "MB"]
    assert costs["name"].tolist() == ["beads-ensemble", "beads-unet", "beads-unet-wide"]
    app.segmented_control(key="ensemble").set_value("denoise-ensemble").run()
    assert any("dvc repro ensemble@denoise-ensemble" in block.value for block in app.code)


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixable")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        write_prepared(layout.prepared(mixable.TASK), mixable.KIND)
        mixable.make(mixable.entries(), spread=0.05)
    return folder


@pytest.fixture
def by_hand(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.chdir(mixed)
    app = start()
    app.query_params["ensembles-made"] = "by hand"
    return open_page("ensembles", app)


def test_a_mixture_is_scored_at_once_on_validation_and_on_test_only_where_asked(by_hand: AppTest) -> None:
    assert by_hand.multiselect(key="mix-members-denoise").value == ["first", "second", "third"]
    assert [each.value for each in by_hand.subheader] == ["On the validation split", "Keep it"]
    before = by_hand.dataframe[0].value.set_index("name")
    assert list(before.index) == ["first", "second", "third", "this mixture"]
    by_hand.number_input(key="mix-weight-denoise-first").set_value(100.0).run()
    after = by_hand.dataframe[0].value.set_index("name")
    assert after.loc["this mixture"].iloc[1] != before.loc["this mixture"].iloc[1]
    assert after.loc["first", "gain"] == pytest.approx(0, abs=0.05)  # nearly the mixture itself
    assert "method: given" in by_hand.code[0].value
    by_hand.toggle(key="mix-test").set_value(True).run()
    assert not by_hand.exception
    assert [each.value for each in by_hand.subheader][1] == "On the test split"


def test_a_mixture_is_an_entry_to_be_added(by_hand: AppTest) -> None:
    by_hand.segmented_control(key="mix-way-denoise").set_value("median").run()
    assert not by_hand.exception
    assert "method: median" in by_hand.code[0].value
    assert not by_hand.number_input
    assert "Add these lines to params.yaml" in text(by_hand)  # changes are not allowed here
    by_hand.text_input(key="mix-name-denoise").set_value("denoise-ensemble").run()
    assert by_hand.code[1].value == "dvc repro ensemble@denoise-ensemble"
    by_hand.multiselect(key="mix-members-denoise").set_value([]).run()
    assert "Choose at least one member." in text(by_hand)


@pytest.mark.usefixtures("empty")
def test_without_networks_nothing_is_mixed() -> None:
    app = start()
    app.query_params["ensembles-made"] = "by hand"
    open_page("ensembles", app)
    assert "there is nothing to mix" in text(app)
