"""Memory that is freed stays with the process, and garbage is looked for less often."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys

import pytest

from brightfield.system import memory

CODE = """
import resource, sys
import numpy as np
from brightfield.system import memory
if sys.argv[1] == "keep":
    assert memory.keep_freed_memory()
def work():
    a = [np.ones(2**20) for _ in range(8)]  # 8 MB each
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

LEFT = """
import sys
import numpy as np
from brightfield.system import memory
getattr(memory, sys.argv[1])()
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))
before = resident()
large, small = [], []
for _ in range(12):
    large.append(np.ones(2**20))  # 8 MB
    small.append(np.ones(2**14))  # 128 kB, which stays behind it
del large
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives freed memory back so eagerly")
def test_the_same_work_again_takes_no_new_pages() -> None:
    """In processes of their own: what is asked of glibc holds until the end."""
    faults = {
        way: int(subprocess.run([sys.executable, "-c", CODE, way], capture_output=True, text=True, check=True).stdout)
        for way in ("default", "keep")
    }
    assert faults["default"] > 10_000
    assert faults["keep"] < 1_000


def test_garbage_is_looked_for_less_often_but_still_is() -> None:
    usual = gc.get_threshold()
    try:
        memory.collect_rarely()
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10 * usual[0]
        assert gc.get_threshold()[1:] == usual[1:]
    finally:
        gc.set_threshold(*usual)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc leaves gaps between what is kept")
def test_large_arrays_leave_no_gaps() -> None:
    left = {
        way: float(subprocess.run([sys.executable, "-c", LEFT, way], capture_output=True, text=True, check=True).stdout)
        for way in ("keep_freed_memory", "return_large_arrays")
    }
    assert left["keep_freed_memory"] > 90  # MB
    assert left["return_large_arrays"] < 10
