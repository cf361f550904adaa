"""``brightfield prepare NAME``: audit and split ``data/raw/NAME`` into ``data/prepared/NAME``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from brightfield import layout, params
from brightfield.data import auditing, coverage, splitting, store
from brightfield.data.records import FIRST_LABEL
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.system import progress
from brightfield.system.files import atomic_folder, write_json


def run(name: str, options: Sequence[str] = ()) -> None:
    """Prepare one entry of ``datasets``, ``options`` replacing its values; stops where the audit finds what must be mended."""
    known = params.load_with("datasets", name, options)
    settings = params.entry(known.datasets, name, "dataset")
    raw = ImageSet.raw(layout.raw(name))
    able = known.tasks[settings.task].settings.learns_without_truth
    index = split(raw.index if able else labelled(raw.index, name), settings)
    images = ImageSet(raw.path, index)
    found = auditing.audit(progress.track(images, f"audit {name}", unit="image"), index)
    for warning in found.warnings:
        print(f"warning: {warning}")
    found.raise_if_failed()
    with atomic_folder(layout.prepared(name)) as folder:
        write_json(folder / layout.AUDIT, found.as_dict())
        # other settings ask other questions of the same images: all that was trained and scored on them is then out of date
        write_json(folder / layout.SETTINGS, known.tasks[settings.task].settings.model_dump(mode="json"))
        store.write_prepared(folder, images, index)
        coverage.write(folder, progress.track(images, f"measure {name}", unit="image"), index)


def split(index: pd.DataFrame, settings: params.Dataset) -> pd.DataFrame:
    """The index with a column ``split``: each shift suite is a test split of that name, the groups of the rest are dealt out.

    Corrections move no image: the classes that count here are those of the first version of a dataset.
    """
    suite = index["suite"].fillna("").astype(str) if "suite" in index else pd.Series("", index.index)
    rest = index[suite == ""]
    label = next((column for column in (FIRST_LABEL, "label") if column in rest), None)
    dealt = splitting.split_groups(
        list(rest["group"]),
        validation=settings.validation,
        test=settings.test,
        gate=settings.gate,
        seed=settings.seed,
        strata=None if label is None else list(rest[label]),
    )
    return index.assign(split=suite.mask(suite == "", pd.Series(dealt, rest.index)))


def labelled(index: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows that have truth: frames imported without positions can only be predicted on."""
    known = index[index["labelled"] == 1] if "labelled" in index else index
    if known.empty:
        raise BrightfieldError(
            f"None of the {len(index)} images of {name!r} has truth, so nothing can be trained or tested on them. "
            "Import them with it, or use `brightfield predict` on them."
        )
    return known.reset_index(drop=True)
