"""Which answers are doubtful, what differs in their images from the training data, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from brightfield.inference import starters
from brightfield.inference.predictor import Predictor

COLUMNS = ("outside", "doubt", "distance", "farthest")
MOST = 0.5  # share of doubtful answers above which the model does not suit the images


def compared(
    far: pd.DataFrame | None, agreements: Sequence[tuple[float, ...]], predictor: Predictor
) -> pd.DataFrame | None:
    """One row per image: which answers are doubtful, and how far their images lie from the training data.

    Args:
        far: the rows of :meth:`Predictor.compare`; None if the model's bundle has no coverage.
        agreements: those of :meth:`Predictor.judge`, of all images of an acquisition; none where the task judges no answers.
        predictor: the model.

    Returns:
        Columns ``outside`` (0 or 1: the answer is doubtful), ``doubt`` (its expected error, 0 to 1; where the task judges its
        answers), and ``distance`` and ``farthest`` (see :meth:`brightfield.data.coverage.Coverage.compare`; where there is a
        coverage). Where a task does not judge its answers, those to images far from the training data are doubtful. None where
        nothing is known.
    """
    answering = predictor.task.answering
    if answering.doubts is None or not agreements:
        return far
    doubts = np.array(answering.doubted(agreements))
    judged = pd.DataFrame({"outside": (doubts > answering.doubts.limit).astype(int), "doubt": doubts})
    return judged if far is None else judged.assign(distance=far["distance"].array, farthest=far["farthest"].array)


def warning(table: pd.DataFrame, predictor: Predictor) -> str | None:
    """What a person should know of doubtful answers, in one line; None if there are none.

    Args:
        table: the rows of :func:`compared`, and a column image.
        predictor: the model.
    """
    doubtful = table[table["outside"] == 1] if "outside" in table else table[:0]
    if doubtful.empty:
        return None
    by = "doubt" if "doubt" in doubtful else "distance"
    worst = doubtful.iloc[int(doubtful[by].argmax())]
    most = len(doubtful) > MOST * len(table)
    lines = [f"{len(doubtful)} of {len(table)} answers are doubtful{_how_bad(doubtful, predictor)}."]
    if most and len(table) > 1:
        lines.append("The model does not suit these images.")
    if "farthest" in doubtful:
        far = doubtful[doubtful["distance"] > 1]
        if len(far):
            lines.append(f"What differs most from the training data is their {far['farthest'].mode()[0]}.")
    lines.append(f"Look at {worst['image']} first.")
    lines.append(f"What helps: {'; '.join(remedies(predictor))}.")
    return " ".join(lines)


def about(row: Mapping[Any, Any]) -> str:
    """What is doubtful about one image, such as "expected error 0.62, focus 2.3 times the limit"; empty if nothing is.

    Args:
        row: of :func:`compared`.
    """
    if row.get("outside") != 1:
        return ""
    parts = [f"expected error {row['doubt']:.2f}"] if "doubt" in row else []
    if "farthest" in row and row["distance"] > 1:
        parts.append(f"{row['farthest']} {row['distance']:.1f} times the limit")
    return ", ".join(parts)


def remedies(predictor: Predictor) -> list[str]:
    """What helps where a model answers badly, the least work first; what its task can do and was not done."""
    answering, name = predictor.task.answering, predictor.task_name
    found = []
    if answering.measured is not None and predictor.known_width_px is not None:
        found.append(f"`--magnify auto`, if the {answering.measured} have another width than in the training")
    if answering.recalibratable:
        found.append("`--recalibrate FOLDER`, with about 15 labelled images of each class")
    found.append("`brightfield match`, to train on a simulation that looks like your images")
    recipe = " --recipe own" if name in starters.tasks() else ""
    found.append(
        f"about twenty images with their truth: `brightfield import {name}`, then `brightfield use NAME{recipe}` and train"
    )
    return found


def _how_bad(doubtful: pd.DataFrame, predictor: Predictor) -> str:
    rules = predictor.task.answering.doubts
    if rules is None or "doubt" not in doubtful:
        return ": their images are unlike the training data"
    return f": their expected error is {doubtful['doubt'].median():.2f} ({rules.measure})"
