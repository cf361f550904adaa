"""What holds for every simulator: the same seed gives the same bytes, and a group does not know how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from brightfield.data.records import Record
from brightfield.params import BacteriaSimulation, BeadsSimulation, DenoiseSimulation, RbcSimulation, Simulation
from brightfield.simulate import FEW, SIMULATORS, count, simulate

SMALL: list[Simulation] = [
    RbcSimulation(simulator="rbc", smears=3, crops_per_smear=2, size_px=64),
    BeadsSimulation(simulator="beads", movies=3, frames_per_movie=2, size_px=64),
    BacteriaSimulation(simulator="bacteria", images=3, size_px=96, fluorescence=True),
    DenoiseSimulation(simulator="denoise", images=3, size_px=64),
]
GROUPS = {"rbc": "smears", "beads": "movies", "bacteria": "images", "denoise": "images"}
each = pytest.mark.parametrize("params", SMALL, ids=lambda params: params.simulator)


@cache
def once(params: Simulation) -> list[Record]:
    """All records of a simulation, made once for all tests that only look."""
    return list(simulate(params))


def assert_same(left: Sequence[Record], right: Sequence[Record]) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert (a.id, a.group, a.row) == (b.id, b.group, b.row)
        assert a.fields.keys() == b.fields.keys()
        for name, array in {"image": a.image, **a.fields}.items():
            other = {"image": b.image, **b.fields}[name]
            assert array.dtype == other.dtype
            assert array.tobytes() == other.tobytes(), name


def test_every_simulator_is_tried_here() -> None:
    assert {params.simulator for params in SMALL} == set(SIMULATORS)


@each
def test_same_seed_same_bytes(params: Simulation) -> None:
    assert_same(once(params), list(simulate(params)))


@each
def test_another_seed_gives_other_images(params: Simulation) -> None:
    first, other = once(params)[0], next(simulate(params.model_copy(update={"seed": 1})))
    assert first.image.tobytes() != other.image.tobytes()


@each
def test_a_group_does_not_depend_on_how_many_there_are(params: Simulation) -> None:
    few = once(params)
    more = list(simulate(params.model_copy(update={GROUPS[params.simulator]: 4})))
    assert_same(few, more[: len(few)])


def test_several_processes_give_the_same_bytes() -> None:
    params = RbcSimulation(simulator="rbc", smears=7, crops_per_smear=4, size_px=48)
    assert count(params) > FEW
    assert_same(list(simulate(params)), list(simulate(params, processes=2)))


@each
def test_count_and_identities(params: Simulation) -> None:
    records = once(params)
    assert len(records) == count(params)
    assert len({record.id for record in records}) == len(records)
    assert len({record.group for record in records}) == 3
    assert all(record.id.startswith(record.group) for record in records)


@each
def test_suites_come_after_the_rest_and_change_nothing_there(params: Simulation) -> None:
    with_suites = params.model_copy(update={"suites": ["focus", "camera"], "suite_groups": 1})
    plain, records = once(params), list(simulate(with_suites))
    assert len(records) == count(with_suites)
    assert_same(plain, records[: len(plain)])
    assert {r.row["suite"] for r in plain} == {""}
    assert [r.group.split("-")[0] for r in records[len(plain) :]] == [r.row["suite"] for r in records[len(plain) :]]
    assert {r.row["suite"] for r in records[len(plain) :]} == {"focus", "camera"}
    alone = list(simulate(params.model_copy(update={"suites": ["camera"], "suite_groups": 1})))
    camera = [r for r in records if r.row["suite"] == "camera"]
    assert_same(alone[len(plain) :], camera)


@each
def test_groups_differ_in_light(params: Simulation) -> None:
    means: dict[str, list[float]] = {}
    for record in once(params):
        means.setdefault(record.group, []).append(float(record.image.mean()))
    assert np.ptp([np.mean(values) for values in means.values()]) > 0


def test_names_of_groups() -> None:
    first = {params.simulator: once(params)[0] for params in SMALL}
    assert {name: (record.id, record.group) for name, record in first.items()} == {
        "rbc": ("smear000_000", "smear000"),
        "beads": ("movie000_0000", "movie000"),
        "bacteria": ("field0000", "field0000"),
        "denoise": ("field0000", "field0000"),
    }
