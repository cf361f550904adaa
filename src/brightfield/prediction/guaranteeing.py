"""What is guaranteed of a model's answers, in a line for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brightfield.evaluation.scoring import TEST
from brightfield.inference.guarantees import Guarantees
from brightfield.inference.predictor import Predictor
from brightfield.tasks.guarantees import Guarantee


def line(predictor: Predictor) -> str | None:
    """What is promised of the answers, on which data that was measured, and for which images it does not hold; None without any."""
    found = predictor.guarantees
    if found is None or not found.known:
        return None
    declared = predictor.task.scoring.guarantees
    promises = "; ".join(_promise(declared[name], name, found) for name in found.known if name in declared)
    if not promises:
        return None
    name = predictor.members[0].bundle.provenance.get("dataset", {}).get("name")
    data = f"on dataset {name}" if name else "on its own dataset"
    return f"Guaranteed {data}: {promises}. Not for images that are marked outside."


def _promise(declared: Guarantee, name: str, found: Guarantees) -> str:
    limit = found.limits[name]
    # with few groups the promise is one of further objects of those groups
    only = "" if limit.over == "groups" else f", if their groups are like the {limit.groups} of validation"
    said = f"{declared.said(found.coverage)} ({declared.where}){only}"
    measured = ", ".join(_measured(found.measured, name))
    return f"{said}, measured {measured}" if measured else said


def _measured(measured: Mapping[str, Mapping[str, Any]], name: str) -> Iterator[str]:
    """The coverage on the test split, and on the suite with the least."""
    values = {part: found[name]["coverage"]["value"] for part, found in measured.items() if name in found}
    known = {part: value for part, value in values.items() if value is not None}
    if TEST in known:
        yield f"{known.pop(TEST):.0%} on test"
    if known:
        worst = min(known, key=lambda part: known[part])
        yield f"at worst {known[worst]:.0%} (suite {worst})"
