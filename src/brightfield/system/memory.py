"""Memory of the process: how much of it glibc keeps for reuse, and how often Python looks for garbage."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Mapping

# Options of mallopt(3)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; mallopt refuses more
NEVER_TRIM = 2**31 - 1  # bytes
LARGE = 2**22  # bytes
COLLECTED_AFTER = 10_000  # objects


def collect_rarely() -> None:
    """Let Python look for cycles of garbage after more new objects; to be called before large libraries are loaded.

    Nearly all of the million objects that they make stay until the end: looking through them again and again takes a tenth of
    the time of a short command.
    """
    gc.set_threshold(COLLECTED_AFTER)


def keep_freed_memory() -> bool:
    """Let glibc reuse memory that was freed instead of returning it to the system; other systems are left alone.

    A step of training frees and allocates the same tens of megabytes each time, and by default every page of them is mapped and
    cleared again: with the plain ConvNet 16,000 page faults per step, a third of its time.

    Returns:
        Whether the system uses glibc, and glibc accepted the options.
    """
    return _set({M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD, M_TRIM_THRESHOLD: NEVER_TRIM, M_TOP_PAD: 64 * 2**20})


def return_large_arrays() -> bool:
    """Let glibc return arrays of several megabytes to the system when they are freed; other systems are left alone.

    By default it keeps those below 32 MB once one of them was freed. Where camera images come and go in several sizes, as the
    outputs of many models do, the gaps that they leave add up to half a gigabyte.

    Returns:
        As :func:`keep_freed_memory`, which undoes this.
    """
    return _set({M_MMAP_THRESHOLD: LARGE, M_TRIM_THRESHOLD: LARGEST_MMAP_THRESHOLD})


def _set(options: Mapping[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, value) == 1 for option, value in options.items())
