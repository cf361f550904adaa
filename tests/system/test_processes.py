"""Work spread over cores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from brightfield.system import processes


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_order(count: int) -> None:
    paths = [f"/there/{number}" for number in range(40)]
    assert list(processes.parallel_map(os.path.basename, paths, count)) == [str(number) for number in range(40)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process its number as a link")
@pytest.mark.parametrize("count", [1, 2])
def test_one_process_is_this_one(count: int) -> None:
    found = set(processes.parallel_map(os.readlink, ["/proc/self"] * 8, count))
    assert (found == {str(os.getpid())}) == (count == 1)
    assert len(found) <= count


def test_every_core_is_used_up_to_a_limit() -> None:
    assert 1 <= processes.available() <= processes.MAX_PROCESSES


THREADS = """
from brightfield.system import processes
count = "[__import__(name) for name in ('numpy', 'scipy.linalg')] and max(each['num_threads'] for each in " \\
    "__import__('threadpoolctl').threadpool_info())"
print(set(processes.parallel_map(eval, [count] * 4, 2)))
"""


@pytest.mark.skipif(processes.available() < 2, reason="with one core there is one thread anyway")
def test_each_of_several_processes_does_its_linear_algebra_in_one_thread() -> None:
    """Also where the work is what loads the libraries: two processes with two threads each took several times as long."""
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True, env=free)
    assert done.stdout.strip() == "{1}"


def test_threads_answer_in_order_and_ask_for_few_items_at_a_time() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            asked.append(i)
            yield i

    found = processes.threaded_map(lambda i: i * i, items())
    assert next(found) == 0
    assert len(asked) <= processes.available()
    assert [0, *found] == [i * i for i in range(50)]


def test_what_a_thread_raises_is_raised_here() -> None:
    def fail(i: int) -> int:
        raise ValueError(str(i))

    with pytest.raises(ValueError, match="0"):
        list(processes.threaded_map(fail, range(3)))
