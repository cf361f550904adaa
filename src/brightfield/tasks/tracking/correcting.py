"""Corrections of the positions of beads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.tasks.correcting import Correcting, Step, Tool

ADD, DROP = "add", "drop"
WITHIN_PX = 15.0  # of a click a bead is dropped


class TrackingCorrecting(Correcting[params.TrackingSettings]):
    """Beads that are added where somebody clicks, and dropped."""

    def tools(self) -> list[Tool]:
        """Add and drop."""
        return [
            Tool(
                ADD, "Add bead", "Click at the centre of a bead that the truth does not have; zoom in first.", "point"
            ),
            Tool(DROP, "Drop bead", f"Click at a bead of the truth, or within {WITHIN_PX:g} px of it.", "point"),
        ]

    def change(self, record: Record, step: Step) -> Record:
        """The record with a bead more or less; what else is known of the beads alone is not known any more."""
        positions = np.asarray(record.fields.get("positions", np.empty((0, 2))), dtype=np.float64)
        at = np.array(step.at, dtype=np.float64)
        if step.action == ADD:
            positions = np.vstack([positions, at])
        else:
            distance = np.hypot(*(positions - at).T)
            if not len(distance) or distance.min() > WITHIN_PX:
                x, y = at
                raise BrightfieldError(
                    f"Image {record.id}: the truth has no bead within {WITHIN_PX:g} px of x = {x:.1f}, y = {y:.1f}."
                )
            positions = np.delete(positions, int(distance.argmin()), axis=0)
        others = {name: field for name, field in record.fields.items() if name != "transmission"}
        return replace(record, fields={**others, "positions": positions})
