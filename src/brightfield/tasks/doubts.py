"""How much an answer is to be doubted: what the behaviour of a model on an image says about the error of its answer.

How far an image lies from the training data says little about that: nearly every image of another lab lies far away, and is
answered well or badly alike. A model that answers badly disagrees with itself: it is unsure, and it answers a slightly changed view
of the same image in another way. Each kind of task measures that agreement in its own way (:meth:`Answering.agreements`); a curve,
measured on real images whose truth is known, makes an expected error of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDE_PX = 512  # of the part of an image, that with the most structure, which is answered twice: a bounded cost for large images
UNSEEN = 0.5  # agreement where nothing was found and nothing is seen: noise may hide something, so neither right nor wrong is known
SHRUNK = 0.85  # magnification of the changed view: enough to upset a model that is out of its depth, and no other


@dataclass(frozen=True)
class Doubts:
    """From the agreement of a model with itself to the expected error of its answer.

    Attributes:
        agreement: rising numbers from 0 (none) to 1.
        error: the mean error of answers with that agreement, from 0 (right) to 1.
        limit: the expected error above which an answer is marked.
        measure: what the error is, for a person.
    """

    agreement: tuple[float, ...]
    error: tuple[float, ...]
    limit: float
    measure: str

    def expected(self, agreement: float) -> float:
        """The expected error, 0 to 1; between the points of the curve linear, beyond them constant."""
        return float(np.interp(agreement, self.agreement, self.error))
