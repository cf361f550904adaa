"""What lies in the project's folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image

from queries import project as queries
from queries import reports


def test_models_and_roles(empty: Path) -> None:
    table = queries.models().set_index("name")
    assert table.loc["rbc-features", "role"] == "baseline"
    assert table.loc["rbc-convnet", "role"] == "member"
    assert table.loc["rbc-ensemble", "role"] == "ensemble"
    assert table.loc["beads-unet", "task"] == "beads"
    assert table.loc["beads-unet", "kind"] == "tracking"


def test_folders() -> None:
    assert queries.folder("rbc", "a", "member") == Path("models/rbc/a")
    assert queries.folder("rbc", "a", "ensemble") == Path("ensembles/rbc/a")


def test_objectives() -> None:
    assert queries.objective("classification") == ("auc", "maximize")
    assert queries.objective("tracking") == ("capped_error_px", "minimize")


def test_provenance(project: Path) -> None:
    found = queries.provenance("rbc", "rbc-ensemble", "ensemble")
    assert found == {"commit": "c0ffee0123456789", "dirty": True, "data_hash": "0123456789abcdef.dir"}
    assert queries.provenance("denoise", "denoise-unet", "member") == {}


def test_thumbnails(project: Path) -> None:
    path = reports.examples("rbc-features")[0]
    with PIL.Image.open(io.BytesIO(queries.thumbnail(path, 100))) as small:
        assert small.size == (83, 100)
    assert queries.thumbnail(path, 600) == path.read_bytes()


def test_shrinking_keeps_what_is_small() -> None:
    target = io.BytesIO()
    PIL.Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(target, format="PNG")
    assert queries.shrink(target.getvalue(), 6) == target.getvalue()
    with PIL.Image.open(io.BytesIO(queries.shrink(target.getvalue(), 3))) as small:
        assert small.size == (3, 2)
