"""Work spread over cores."""

from __future__ import annotations

import os
import sys

import pytest

from brightfield import processes


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_order(count: int) -> None:
    paths = [f"/there/{number}" for number in range(40)]
    assert list(processes.spread(os.path.basename, paths, count)) == [str(number) for number in range(40)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process its number as a link")
@pytest.mark.parametrize("count", [1, 2])
def test_one_process_is_this_one(count: int) -> None:
    found = set(processes.spread(os.readlink, ["/proc/self"] * 8, count))
    assert (found == {str(os.getpid())}) == (count == 1)
    assert len(found) <= count


def test_every_core_is_used_up_to_a_limit() -> None:
    assert 1 <= processes.available() <= processes.MOST
