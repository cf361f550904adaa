"""Corrections of a dataset that somebody has made on the pages and not saved yet: each person has their own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from brightfield.errors import BrightfieldError
from queries import evaluated

if TYPE_CHECKING:
    from brightfield.evaluation.relabelling import Saved
    from brightfield.tasks.correcting import Step, Tool

DRAFTS, DOUBTED = "drafts", "doubted"  # in the session
MOST_STEPS = 500  # of one image


def tools(name: str) -> list[Tool]:
    """With what the truth that a model is compared with can be corrected; nothing where nobody can."""
    how = evaluated.task_of(name).correcting
    return [] if how is None else how.tools()


def of_image(dataset: str, image: str) -> list[Step]:
    """The steps for an image."""
    return list(_of(dataset).get(image, ()))


def of_dataset(dataset: str) -> Mapping[str, list[Step]]:
    """The steps for all images that have some."""
    return dict(_of(dataset))


def add(name: str, split: str, image: str, content: Mapping[str, Any]) -> None:
    """Add a step to an image of the dataset of a model.

    Args:
        name: of the model.
        split, image: which image.
        content: of the step, as a browser sent it.

    Raises:
        BrightfieldError: it is no step, or finds nothing to correct.
    """
    import pydantic

    from brightfield.tasks.correcting import Step

    try:
        step = Step.model_validate(dict(content))
    except pydantic.ValidationError as error:
        raise BrightfieldError(f"That is no correction: {error.errors()[0]['msg']}.") from error
    dataset = evaluated.entry_of(name).dataset
    is_whole = step.at is None and step.outline is None
    steps = [] if is_whole else of_image(dataset, image)  # of classes the last one counts
    if len(steps) >= MOST_STEPS:
        raise BrightfieldError(f"{MOST_STEPS} corrections of one image are the most. Save them first.")
    steps.append(step)
    if evaluated.is_changed(name, split, image, steps):
        _of(dataset)[image] = steps
    else:
        _of(dataset).pop(image, None)


def undo(dataset: str, image: str) -> None:
    """Take the last step of an image back."""
    steps = of_image(dataset, image)[:-1]
    if steps:
        _of(dataset)[image] = steps
    else:
        _of(dataset).pop(image, None)


def discard(dataset: str) -> None:
    """Forget all steps for a dataset, and what was doubted."""
    st.session_state.get(DRAFTS, {}).pop(dataset, None)
    st.session_state.get(DOUBTED, {}).pop(dataset, None)


def doubted(dataset: str) -> dict[str, Mapping[str, Any]]:
    """The images whose truth somebody has ticked as wrong, with what is known of each."""
    found: dict[str, Mapping[str, Any]] = st.session_state.setdefault(DOUBTED, {}).setdefault(dataset, {})
    return found


def doubt(dataset: str, image: str, known: Mapping[str, Any], wrong: bool) -> None:
    """Tick the truth of an image as wrong, or take that back."""
    doubted(dataset).pop(image, None)
    if wrong:
        doubted(dataset)[image] = dict(known)


def as_table(dataset: str) -> str:
    """What was doubted as CSV; with a column ``label`` for the right class where images have classes, to be filled in."""
    table = pd.DataFrame([{"id": image, **known} for image, known in doubted(dataset).items()])
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue()


def as_file(dataset: str) -> str:
    """All steps as JSON, for ``brightfield relabel``."""
    from brightfield.evaluation import relabelling

    return relabelling.as_json(of_dataset(dataset))


def save(dataset: str, who: str, why: str) -> Saved:
    """Make a new version of the dataset, and forget the steps.

    Raises:
        BrightfieldError: as :func:`brightfield.evaluation.relabelling.save`.
    """
    from brightfield.evaluation import relabelling

    saved = relabelling.save(dataset, of_dataset(dataset), who=who, why=why)
    discard(dataset)
    return saved


def _of(dataset: str) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = st.session_state.setdefault(DRAFTS, {}).setdefault(dataset, {})
    return found
