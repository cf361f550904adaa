"""Memory of the process: how much of it glibc keeps for reuse, and how often Python looks for garbage."""

from __future__ import annotations

import ctypes
import gc
import sys

# Options of mallopt(3)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; mallopt refuses more
NEVER_TRIM = 2**31 - 1  # bytes
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
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {M_MMAP_THRESHOLD: LARGEST_MMAP_THRESHOLD, M_TRIM_THRESHOLD: NEVER_TRIM, M_TOP_PAD: 64 * 2**20}
    return all(mallopt(option, value) == 1 for option, value in options.items())
