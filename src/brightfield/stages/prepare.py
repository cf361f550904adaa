"""``brightfield prepare NAME``: audit and split ``data/raw/NAME`` into ``data/prepared/NAME``."""

from __future__ import annotations

from brightfield import layout, params, progress
from brightfield.data import auditing, splitting, store
from brightfield.data.store import ImageSet
from brightfield.files import whole_folder, write_json


def run(name: str) -> None:
    """Prepare one entry of ``datasets``; stops where the audit finds what must be mended."""
    settings = params.entry(params.load().datasets, name, "dataset")
    raw = ImageSet.raw(layout.raw(name))
    index = raw.index.copy()
    index["split"] = splitting.split_groups(
        list(index["group"]),
        validation=settings.validation,
        test=settings.test,
        seed=settings.seed,
        strata=list(index["label"]) if "label" in index else None,
    )
    found = auditing.audit(progress.track(raw, f"audit {name}", unit="image"), index)
    for warning in found.warnings:
        print(f"warning: {warning}")
    found.raise_if_failed()
    with whole_folder(layout.prepared(name)) as folder:
        write_json(folder / "audit.json", found.as_dict())
        store.write_prepared(folder, raw, index)
