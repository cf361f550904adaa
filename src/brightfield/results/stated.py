"""What the files of the images state beside their pixels, for the tables of answers: pixel size, time, and what was not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from brightfield import images

PIXEL_SIZE, TIME = "pixel_size_um", "time_s"


@dataclass
class Stated:
    """Collects what the file of each image states.

    Attributes:
        given_um: pixel size that the user gave for all images, over what the files state.
    """

    given_um: float | None = None
    _sizes: dict[str, float | None] = field(default_factory=dict)  # by the name of the image
    _times: dict[str, float | None] = field(default_factory=dict)
    _notes: dict[str, dict[str, None]] = field(default_factory=dict)  # note -> names of images, in order

    def add(self, name: str, header: images.Header, time_s: float | None = None) -> None:
        """Add an image by its name, the header of its file and its time in seconds."""
        self._sizes[name] = self.given_um or header.pixel_size_um
        self._times[name] = time_s
        for note in header.notes:
            self._notes.setdefault(note, {})[name] = None

    def in_columns(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table, by its column image, with the columns ``pixel_size_um`` and ``time_s`` where any image states them."""
        for column, known in ((PIXEL_SIZE, self._sizes), (TIME, self._times)):
            if any(value is not None for value in known.values()):
                table = table.assign(**{column: table["image"].map(known).astype(float)})
        return table

    def notes(self) -> list[str]:
        """One line for each thing of the files that was not read."""
        return [f"{images.some_of(list(names))}: {note}." for note, names in self._notes.items()]

    def lines(self) -> list[str]:
        """The pixel size and the frame rate of a movie in a line each, and the notes."""
        return [*self._size_line(), *self._rate_line(), *self.notes()]

    def _size_line(self) -> Iterator[str]:
        sizes = sorted({size for size in self._sizes.values() if size is not None})
        if sizes:
            shown = f"{sizes[0]:.4g}" if len(sizes) == 1 else f"{sizes[0]:.4g} to {sizes[-1]:.4g}"
            yield f"Pixel size: {shown} um, as {'given' if self.given_um else 'the files state'} (column {PIXEL_SIZE})."

    def _rate_line(self) -> Iterator[str]:
        rate = images.Header(times_s=tuple(time for time in self._times.values() if time is not None)).frame_rate_hz
        if rate is not None:
            yield f"Frame rate: {rate:.4g} Hz, as the files state (column {TIME})."
