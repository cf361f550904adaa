"""Tables of positions, as trackpy reads them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from brightfield.results import Points


def position_rows(answer: Points) -> pd.DataFrame:
    """Columns x, y (px) and quality, a row a bead; x_error and y_error (px) where the answer says them."""
    x, y = answer.positions.T
    table = pd.DataFrame({"x": x, "y": y, "quality": answer.quality})
    if answer.errors is not None:
        table["x_error"], table["y_error"] = answer.errors.T
    return table


def position_table(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of several frames in order: frame (its number), what :func:`position_rows` gives, and image (its name)."""
    tables = [table.assign(frame=i, image=name) for i, (name, table) in enumerate(rows.items())]
    whole = pd.concat(tables, ignore_index=True)
    return whole[["frame", *(column for column in whole.columns if column not in ("frame", "image")), "image"]]
