"""Workers on a Ray cluster: how many, what nodes must see, and a node that is lost in the middle of a trial."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

import tunable
from brightfield import layout, params
from brightfield.cli import tune
from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.tuning import ray_workers, storage, studies
from brightfield.tuning.ray_workers import Room
from tunable import EPOCHS

TRIALS = 4
LONG = 200  # epochs of a trial that does not end before it is interrupted


@pytest.mark.parametrize(
    ("nodes", "compute", "room"),
    [
        ([{"CPU": 4}, {"CPU": 3}], {"threads": 2}, Room(2, 0, 3)),
        ([{"CPU": 4}, {"CPU": 1}, {}], {"threads": 4}, Room(4, 0, 1)),
        ([{"CPU": 4, "GPU": 2}, {"CPU": 64}], {"threads": 2}, Room(0, 1, 2)),  # processors compute other numbers
        ([{"CPU": 4, "GPU": 2}, {"CPU": 2}], {"threads": 2, "device": "cpu"}, Room(2, 0, 3)),
        ([{"CPU": 1, "GPU": 1}], {"threads": 8, "device": "cuda"}, Room(0, 1, 1)),
    ],
)
def test_there_is_a_worker_for_each_gpu_or_share_of_processors(
    nodes: list[dict[str, float]], compute: dict[str, Any], room: Room
) -> None:
    assert Room.of(nodes, params.Compute(**compute)) == room
    assert [room.is_on(node) for node in nodes].count(True) >= 1
    assert not room.is_on({"memory": 1e9})


@pytest.mark.parametrize(
    ("nodes", "compute", "message"),
    [
        ([{"CPU": 2}, {"CPU": 3}], {"threads": 4}, r"no node of the Ray cluster has so many CPUs \(the largest: 3\)"),
        ([], {"threads": 1}, r"the largest: 0"),
        ([{"CPU": 2}], {"threads": 1, "device": "cuda"}, "no node of the Ray cluster has a GPU"),
    ],
)
def test_a_cluster_without_room_is_said(nodes: list[dict[str, float]], compute: dict[str, Any], message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        Room.of(nodes, params.Compute(**compute))


@pytest.fixture
def data(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of prepared data in the current folder."""
    for name in ray_workers.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = layout.prepared("denoise")
    folder.mkdir(parents=True)
    (folder / "train.h5").write_bytes(b"images")
    return folder


def test_a_node_that_sees_the_same_is_as_good_as_this_machine(project: Path, data: Path) -> None:
    own, other = (ray_workers.look(str(project), str(data), "salt") for _ in range(2))
    assert own == other
    assert ray_workers.difference(own, replace(other, name="lab2", machine="b"), str(project), data) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": None}, "has no project in .*on a disk that they share"),
        ({"params": "other"}, "sees another params.yaml"),
        ({"data": None}, "has no data/prepared/denoise"),
        ({"data": "other"}, "sees other files in data/prepared/denoise"),
        ({"code": "other"}, "another version of Brightfield"),
        ({"variables": {"BRIGHTFIELD_STUDIES": "x", "MLFLOW_TRACKING_URI": None}}, "another BRIGHTFIELD_STUDIES"),
        ({"variables": {"BRIGHTFIELD_STUDIES": None, "MLFLOW_TRACKING_URI": "x"}}, "another MLFLOW_TRACKING_URI"),
    ],
)
def test_what_a_node_sees_otherwise_is_said(project: Path, data: Path, change: dict[str, Any], message: str) -> None:
    import re

    own = ray_workers.look(str(project), str(data), "salt")
    assert re.search(message, ray_workers.difference(own, replace(own, **change), str(project), data))


def test_what_is_looked_at_is_content_and_no_secret(project: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIGHTFIELD_STUDIES", "postgresql://lab:secret@host/studies")
    first = ray_workers.look(str(project), str(data), "salt")
    assert "secret" not in str(first)
    assert first.variables != ray_workers.look(str(project), str(data), "other salt").variables
    (data / "train.h5").write_bytes(b"other images")
    with Path(params.PARAMS).open("a") as file:
        file.write("# a note\n")
    second = ray_workers.look(str(project), str(data), "salt")
    assert (first.params == second.params, first.data == second.data, first.code == second.code) == (False, False, True)
    nothing = ray_workers.look(str(project / "elsewhere"), str(data), "salt")
    assert (nothing.params, nothing.data) == (None, None)


@pytest.mark.usefixtures("project")
def test_workers_on_other_machines_need_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BrightfieldError, match="BRIGHTFIELD_STUDIES=postgresql://"):
        ray_workers.check_shared(False)
    with pytest.raises(BrightfieldError, match="MLFLOW_TRACKING_URI to a server"):
        ray_workers.check_shared(True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://lab:5000")
    ray_workers.check_shared(True)


def test_without_ray_it_is_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BrightfieldError, match="needs Ray, which is not installed"):
        ray_workers.run([], params.Compute(), data, False, lambda: None, print)


def test_a_node_loads_neither_torch_nor_optuna() -> None:
    code = "import sys; import brightfield.tuning.ray_workers; print({'torch', 'optuna', 'mlflow', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("text", ["0", "-1", "two", "Ray", ""])
def test_a_number_of_workers_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BrightfieldError, match="takes a number from 1, or ray"):
        tune.number(text)


# --- a real cluster -------------------------------------------------------------------------------------------------------


@pytest.fixture
def study_project(tracked_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a project with data, and nothing tuned yet."""
    monkeypatch.delenv(storage.VARIABLE, raising=False)
    monkeypatch.delenv(ray_workers.ADDRESS, raising=False)
    tunable.write_project()
    return tracked_project


@pytest.fixture
def cluster(study_project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster of this machine, without a node that computes; ``RAY_ADDRESS`` names it."""
    del study_project
    pytest.importorskip("ray", reason="ray is not installed")
    for name, value in ray_workers.SETTINGS.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    try:
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    except Exception as error:
        pytest.skip(f"Ray cannot start here: {error}")
    monkeypatch.setenv(ray_workers.ADDRESS, made.address)
    yield made
    made.shutdown()


def node_of(pid: int, nodes: list[Any]) -> Any:
    """The node on which a worker runs: an ancestor of it is the raylet."""
    raylets = {info.process.pid: node for node in nodes for info in node.all_processes["raylet"]}
    while pid not in raylets:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return raylets[pid]


@pytest.mark.slow
@tunable.needs_linux
def test_trials_of_a_node_that_is_lost_go_on_elsewhere(cluster: Any) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    process = tunable.started(tunable.command(TRIALS, "ray"))
    try:
        victim = tunable.wait_for(tunable.stopped, process)
        lost = node_of(victim.pid, nodes)
        cluster.remove_node(lost, allow_graceful=False)
        os.kill(victim.pid, 9)  # as when a machine loses its power
        said = process.communicate(timeout=tunable.PATIENCE_S)[0]
    finally:
        tunable.kill_all(process)
    assert process.returncode == 0, said
    assert "2 workers on 3 nodes of Ray." in said
    trials = tunable.study().trials
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert trials[victim.trial].user_attrs[studies.ATTEMPTS] == {"epochs": victim.epochs, "count": 1}
    assert list(trials[victim.trial].intermediate_values) == list(range(1, EPOCHS + 1))
    table = runs.search(tunable.TASK)
    assert sorted(table["role"]) == ["study", *["trial"] * TRIALS]
    assert set(table.loc[table["role"] == "trial", "status"]) == {"FINISHED"}


@pytest.mark.slow
@tunable.needs_linux
@pytest.mark.usefixtures("study_project", "interruptible")
def test_ctrl_c_ends_the_workers_of_a_cluster_that_was_begun_for_them() -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    tunable.write_project(LONG)
    process = tunable.started(tunable.command(TRIALS, "ray"))
    try:
        worker = tunable.wait_for(lambda: next(tunable.at_work(LONG), None), process)
        assert _listens(process.pid) == {"127.0.0.1"}
        os.kill(process.pid, 2)
        said = process.communicate(timeout=tunable.PATIENCE_S)[0]
    finally:
        tunable.kill_all(process)
    assert process.returncode == 130, said
    assert f"{ray_workers.ADDRESS} names no cluster: one of this machine alone is begun." in said
    assert "Traceback" not in said
    assert tunable.is_gone(worker.pid)
    assert tunable.study().trials[worker.trial].state is TrialState.RUNNING
    assert set(runs.search(tunable.TASK, "trial")["status"]) == {"KILLED"}


def _listens(pid: int) -> set[str]:
    """Addresses at which a process and all that it started listen."""
    psutil = pytest.importorskip("psutil", reason="psutil, which DVC needs, is not installed")
    command = psutil.Process(pid)
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in [command, *command.children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
