"""What lies outside is said to, and what lies inside is not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield.data import coverage, store
from brightfield.data.coverage import Coverage
from brightfield.data.measuring import ALONE, COLOUR_RATIOS, MEASURES
from brightfield.errors import BrightfieldError


def numbers(count: int = 400, seed: int = 0, kinds: int = 1, **changed: float) -> pd.DataFrame:
    """Images in groups of four, each number log-normal, noise falling with light; ``changed`` are factors."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(0, 0.3, (count, len(MEASURES)))
    spread[:, 2] = -0.9 * spread[:, 0] + 0.1 * spread[:, 2]
    kind = rng.integers(kinds, size=count)
    table = pd.DataFrame(np.array([0.3, 0.5, 0.02, 0.3, 0.2]) * np.exp(spread), columns=list(MEASURES))
    table["contrast"] *= np.where(kind == 1, 100.0, 1.0)
    for name, factor in changed.items():
        table[name] *= factor
    return table.assign(id=[f"i{i}" for i in range(count)], group=[f"g{i // 4}" for i in range(count)])


FITTED = Coverage.fit(numbers())


def test_about_one_new_image_in_a_hundred_lies_outside() -> None:
    found = FITTED.compare(numbers(2000, seed=1))
    assert 0.002 < found["outside"].mean() < 0.03
    assert ((found["distance"] > 1) == (found["outside"] == 1)).all()


@pytest.mark.parametrize("name", MEASURES)
def test_what_changed_lies_outside_and_is_named(name: str) -> None:
    found = FITTED.compare(numbers(100, seed=2, **{name: 12.0 if name not in ("focus", "density") else 0.02}))
    assert found["outside"].mean() > 0.95
    # they go together
    assert (found["farthest"] == name).mean() > 0.9 or {name, *found["farthest"]} <= {
        "light",
        "noise",
    }


def test_a_pair_that_never_occurred_lies_outside_though_each_number_did() -> None:
    usual = numbers(100, seed=3)
    found = FITTED.compare(usual.assign(light=0.3 * 1.7, noise=0.02 * 1.7))  # with more light there was less noise
    assert found["outside"].mean() > 0.9
    assert FITTED.compare(usual.assign(light=0.3 * 1.7, noise=0.02 * 1.7**-0.9))["outside"].mean() < 0.1


def test_between_two_kinds_of_images_is_farther_than_either() -> None:
    two = Coverage.fit(numbers(kinds=2))
    typical = pd.DataFrame(
        [dict(zip(MEASURES, (0.3, contrast, 0.02, 0.3, 0.2), strict=True)) for contrast in (0.5, 5, 50)]
    )
    one, between, other = two.compare(typical)["distance"]
    assert between > 1.1 * max(one, other)  # to a single Gaussian the middle would be the nearest


def test_groups_that_differ_widen_the_limit() -> None:
    rng = np.random.default_rng(5)
    group = np.arange(400) // 20
    levels = rng.normal(0, 1, (20, len(MEASURES)))[group] + rng.normal(0, 0.05, (400, len(MEASURES)))
    alike = pd.DataFrame(0.1 * np.exp(0.5 * levels), columns=list(MEASURES))
    assert Coverage.fit(alike.assign(group=group)).limit > 2 * Coverage.fit(alike.assign(group=range(400))).limit


def test_a_number_that_never_varied_may_hardly_vary() -> None:
    fitted = Coverage.fit(numbers().assign(light=0.3))
    assert fitted.compare(numbers(100, seed=6).assign(light=0.3))["outside"].mean() < 0.05
    assert fitted.compare(numbers(100, seed=6).assign(light=0.6))["outside"].all()


def test_reversed_contrast_lies_outside_and_hides_nothing_else() -> None:
    rng = np.random.default_rng(9)
    dark, bright = (
        numbers(400, seed=seed).assign(polarity=rng.beta(a, b, 400)) for seed, a, b in ((0, 2, 20), (1, 20, 2))
    )
    fitted = Coverage.fit(dark)
    reversed_ = fitted.compare(bright)
    assert reversed_["outside"].mean() > 0.95
    assert set(reversed_["farthest"][reversed_["outside"] == 1]) == {"polarity"}
    changed = fitted.compare(numbers(100, seed=2, noise=12.0).assign(polarity=0.1))
    assert changed["outside"].mean() > 0.95
    both = Coverage.fit(pd.concat([dark, bright], ignore_index=True))
    assert both.compare(bright)["outside"].mean() < 0.05
    again = Coverage.from_dict(json.loads(json.dumps(fitted.as_dict())))
    pd.testing.assert_frame_equal(again.compare(bright), reversed_)


def test_a_model_from_before_polarity_was_measured_is_read() -> None:
    fitted = Coverage.fit(numbers().assign(polarity=0.5))
    content = fitted.as_dict()
    del content["alone"]
    found = Coverage.from_dict(content).compare(numbers(20, seed=3).assign(polarity=0.99))
    pd.testing.assert_frame_equal(found, FITTED.compare(numbers(20, seed=3)))


def test_a_grey_image_is_compared_without_colour() -> None:
    coloured = numbers().assign(**dict.fromkeys(COLOUR_RATIOS, 1.0))
    assert set(Coverage.fit(coloured).names) == {*MEASURES, *COLOUR_RATIOS}
    assert Coverage.fit(coloured).compare(numbers(100, seed=7))["outside"].mean() < 0.05


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_images_are_enough_to_go_on(count: int) -> None:
    table = numbers(count)
    found = Coverage.fit(table).compare(pd.concat([table, numbers(1, light=1e4, noise=1e4)]))
    assert list(found["outside"]) == [0] * count + [1]


def test_json_keeps_everything() -> None:
    again = Coverage.from_dict(json.loads(json.dumps(FITTED.as_dict())))
    images = numbers(50, seed=8, light=3.0)
    pd.testing.assert_frame_equal(again.compare(images), FITTED.compare(images))


def test_json_keeps_the_width_where_it_was_measured() -> None:
    assert "width_px" not in FITTED.as_dict()
    assert Coverage.from_dict(FITTED.as_dict()).width_px is None
    wide = dataclasses.replace(FITTED, width_px=11.5)
    assert Coverage.from_dict(json.loads(json.dumps(wide.as_dict()))).width_px == 11.5


def test_what_a_bundle_keeps_is_bounded() -> None:
    assert len(Coverage.fit(numbers(3000)).images) <= coverage.MOST_IMAGES


@pytest.mark.parametrize(
    "change", [{"centre": [1.0]}, {"images": []}, {"names": []}, {"limit": None}, {"scale": "a"}, {"width_px": 0}]
)
def test_other_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Coverage.from_dict({**FITTED.as_dict(), **change})


def test_a_prepared_dataset_has_a_row_an_image(tmp_path: Path) -> None:
    records = tiny.records("classification", 6)
    store.write_raw(tmp_path, records, {})
    raw = store.ImageSet.raw(tmp_path)
    index = raw.index.assign(split=["train", "test"] * 3)
    store.write_prepared(tmp_path, raw, index)
    coverage.write(tmp_path, raw, index)
    table = coverage.read(tmp_path)
    assert list(table.columns) == ["id", "group", "split", *MEASURES, *ALONE, *COLOUR_RATIOS]
    assert list(table["id"]) == [record.id for record in records]
    measured = coverage.measure_records(records[::2])
    np.testing.assert_allclose(table.loc[[0, 2, 4], list(MEASURES)], measured[list(MEASURES)], rtol=1e-5)
    stored, expected = coverage.read_coverage(tmp_path), Coverage.fit(measured)
    assert stored.as_dict() == expected.as_dict()  # the test split is ignored


def test_a_dataset_that_was_not_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match=r"coverage.csv is missing.*dvc repro"):
        coverage.read(tmp_path)
    with pytest.raises(BrightfieldError, match=r"coverage.json is missing.*dvc repro"):
        coverage.read_coverage(tmp_path)
