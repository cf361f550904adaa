"""Corrections of the class of an image."""

from __future__ import annotations

from dataclasses import replace

from brightfield import params
from brightfield.data.records import Record
from brightfield.tasks.correcting import Correcting, Step, Tool

CLASS = "class"


class ClassificationCorrecting(Correcting[params.ClassificationSettings]):
    """Another class for the whole image."""

    def tools(self) -> list[Tool]:
        """The class."""
        return [Tool(CLASS, "Class", "Choose the class that this image shows.", "image", tuple(self.settings.classes))]

    def change(self, record: Record, step: Step) -> Record:
        """The record with another class; its kind, which was one of the former class, is unknown then."""
        assert step.to is not None
        row = dict(record.row)
        label = self.settings.classes.index(step.to)
        if row.get("label") == label:
            return record
        if "kind" in row:
            row["kind"] = ""
        return replace(record, row={**row, "label": label})
