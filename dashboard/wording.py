"""Formats of metrics, numbers and times on all pages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

import pandas as pd

from brightfield.metrics.declarations import Direction, declared

DASH = "\u2013"  # stands for a missing value
SHORT = 7  # number of characters of a shortened hash


def words(metric: str) -> str:
    """The label of a metric: ``validation_psnr_db`` -> ``validation PSNR (dB)``."""
    return str(declared(metric))


def direction(metric: str) -> Direction | None:
    """``minimize`` or ``maximize``; None for a metric without a direction, and for one that is not declared."""
    return declared(metric).direction


def in_tables(metric: str, signed: bool = False) -> str:
    """The format of a metric's values in a column, such as ``%.4f`` or, with a sign, ``%+.4f``."""
    return f"%{'+' if signed else ''}.{declared(metric).decimals}f"


def number(value: float | None, signed: bool = False) -> str:
    """A number with three decimals, fewer if it is large; a dash if it is undefined. With a sign it is a difference."""
    if value is None or math.isnan(value):
        return DASH
    size = abs(value)
    if size and size < 0.001 and not signed:  # a difference so small is none
        return f"{value:.2e}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1
    return f"{value:{'+' if signed else ''}.{decimals}f}"


def interval(low: float, high: float) -> str:
    """An interval such as ``0.79 to 0.83``, or a note that there is none."""
    if math.isnan(low) or math.isnan(high):
        return "no interval: too few groups"
    return f"{number(low)} to {number(high)}"


def short(identity: str | None) -> str:
    """The first characters of a commit or a hash."""
    return identity[:SHORT] if isinstance(identity, str) and identity else DASH


def day(moment: str) -> str:
    """A date such as ``12 Mar 2025`` from an ISO time; other text unchanged."""
    try:
        date = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{date.day} {date:%b %Y}"


def unique_labels(names: Iterable[str], ids: Iterable[str]) -> list[str]:
    """The names, followed by the first characters of the id where a name occurs several times."""
    pairs = list(zip(names, ids, strict=True))
    counts = pd.Series([name for name, _ in pairs]).value_counts()
    return [name if counts[name] == 1 else f"{name} · {identity[:6]}" for name, identity in pairs]
