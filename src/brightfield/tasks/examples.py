"""Images with their truth, encoded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from brightfield.data.records import Record
from brightfield.results import Result
from brightfield.system.arrays import Lazy
from brightfield.tasks.base import Task
from brightfield.tasks.samples import Encoded

REMEMBERED = 2**27  # bytes of examples that are kept, beside the outputs that several models gave to them
CALIBRATED_PIXELS = 2**24  # largest number of pixels that a calibration looks at: all of them lie in memory at once


class Records(Protocol):
    """An image set, or a list of records."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Record: ...


@dataclass(frozen=True)
class Examples:
    """Images as a network sees them, and what is true of them; in memory, or made anew each time where there are too many."""

    encoded: Sequence[Encoded]
    truth: Sequence[Result]

    @classmethod
    def of(cls, task: Task[Any, Any], records: Records) -> Examples:
        """The examples of records, which are read one at a time."""

        def make(i: int) -> tuple[Encoded, Result]:
            record = records[i]
            return task.learning.encode(task.learning.judged_pixels(record)), task.learning.truth(record)

        pairs = Lazy(len(records), make, REMEMBERED)
        return cls(Lazy(len(pairs), lambda i: pairs[i][0]), Lazy(len(pairs), lambda i: pairs[i][1]))


def for_calibration(encoded: Sequence[Encoded]) -> list[int]:
    """Indices of the images that a calibration looks at: all, or so many, evenly spread, that they fit into memory together."""
    if not encoded:
        return []
    most = max(1, CALIBRATED_PIXELS // max(1, encoded[0].tensor[0].numel()))
    return [int(i) for i in np.unique(np.linspace(0, len(encoded) - 1, min(most, len(encoded))).round())]
