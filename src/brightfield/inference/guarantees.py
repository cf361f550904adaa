"""Guarantees of a model's answers: limits that were measured on its validation split, in a file beside its bundle or in its report.

They are no part of the bundle's identity: the same weights answer the same, with or without guarantees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from brightfield.errors import BrightfieldError
from brightfield.system.files import read_json, write_json

Over = Literal["groups", "objects"]
AGAIN = "Make it again: `dvc repro`."


@dataclass(frozen=True)
class Limit:
    """How far off answers may be that a guarantee covers.

    Attributes:
        value: largest score that is covered (see :meth:`brightfield.tasks.scoring.Scoring.nonconformity`), not negative; None where
            the validation split is too small for any limit.
        over: what is exchangeable: ``groups``, and the guarantee holds for an object of a new group (smear, movie, field); or
            ``objects``, where there are too few groups, and it holds for new objects of such groups only.
        groups: number of groups of the validation split with such objects.
        objects: number of the objects.
    """

    value: float | None
    over: Over
    groups: int
    objects: int


@dataclass(frozen=True)
class Guarantees:
    """All that is guaranteed of a model's answers.

    Attributes:
        coverage: share of the objects of which each guarantee is to be true.
        limits: of each guarantee, by its name.
        measured: of ``test`` and the suites, by name, and of each guarantee: ``coverage`` and ``size``, each ``{"value", "low",
            "high"}``, and numbers of ``groups`` and ``objects``.
        bundle_hash: of the bundle whose answers were measured; None: not known.
    """

    coverage: float
    limits: Mapping[str, Limit]
    measured: Mapping[str, Mapping[str, Any]]
    bundle_hash: str | None = None

    @property
    def known(self) -> dict[str, float]:
        """The limits that there are, by the names of the guarantees."""
        return {name: limit.value for name, limit in self.limits.items() if limit.value is not None}

    def write(self, path: Path) -> None:
        """Write ``guarantees.json``."""
        limits = {name: vars(limit) for name, limit in self.limits.items()}
        content = {"coverage": self.coverage, "limits": limits, "measured": self.measured}
        write_json(path, {**content, "bundle_hash": self.bundle_hash})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ``guarantees.json``.

        Raises:
            BrightfieldError: it is missing or damaged.
        """
        return cls.parse(read_json(path, AGAIN), path)

    @classmethod
    def parse(cls, content: Mapping[str, Any], source: Path) -> Self:
        """From the content of ``guarantees.json``, or of that section of ``metrics.json``.

        Raises:
            BrightfieldError: something is missing, or is not as it should be.
        """
        try:
            return cls._of(content)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else error
            raise BrightfieldError(f"{source} is damaged: {what}. {AGAIN}") from error

    @classmethod
    def _of(cls, content: Mapping[str, Any]) -> Self:
        coverage = float(content["coverage"])
        if not 0 < coverage < 1:
            raise ValueError(f"a coverage lies between 0 and 1, got {coverage}")
        limits = {str(name): _limit(str(name), found) for name, found in content["limits"].items()}
        measured = {str(part): dict(found.items()) for part, found in content["measured"].items()}
        for found in measured.values():
            for name, each in found.items():
                if name not in limits:
                    raise ValueError(f"{name!r} was measured and has no limit")
                _interval(name, each["coverage"])
                if (size := each["size"]["value"]) is not None and not float(size) >= 0:
                    raise ValueError(f"a mean size is at least 0, got {size} for {name}")
                for unit in ("objects", "groups"):
                    if not isinstance(each[unit], int) or each[unit] < 0:
                        raise ValueError(f"{name!r} was measured on {each[unit]!r} {unit}")
        bundle_hash = content.get("bundle_hash")
        return cls(coverage, limits, measured, None if bundle_hash is None else str(bundle_hash))


def _limit(name: str, found: Mapping[str, Any]) -> Limit:
    value = None if found["value"] is None else float(found["value"])
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise ValueError(f"a limit is a number of at least 0, got {value} for {name}")
    if found["over"] not in get_args(Over):
        raise ValueError(f"a limit is over groups or objects, got {found['over']!r} for {name}")
    return Limit(value, found["over"], int(found["groups"]), int(found["objects"]))


def _interval(name: str, found: Mapping[str, Any]) -> None:
    for key in ("value", "low", "high"):
        if found[key] is not None and not 0 <= float(found[key]) <= 1:
            raise ValueError(f"a coverage lies between 0 and 1, got {found[key]} for {name}")
