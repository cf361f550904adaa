"""Workers of a study on the machines of a Ray cluster: each a process of its own there, as on one machine.

Ray says where there is room and starts a worker again elsewhere when its machine is lost; who works on which trial is decided as
everywhere (:mod:`brightfield.tuning.claims`). The nodes see the project's folder under the same path, on a disk that they share.

What a node runs is in this module, too, so it loads neither torch nor Optuna.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brightfield
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.system import processes
from brightfield.tuning import worker_processes

if TYPE_CHECKING:
    from brightfield import params

ADDRESS = "RAY_ADDRESS"
LOCALHOST = "127.0.0.1"
LOOK_S = 120.0  # for every node to say what it sees
# Of Ray itself, read when it is loaded: it reports nothing, prints nothing, and takes the environment of the node as it is.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
# Of a cluster that is begun here. Who reaches Ray may run any program as its user: it listens on this machine alone, and to those
# alone who know a word. The first is made for systems other than Linux, and does the same on it.
OWN_CLUSTER = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
TOKEN = "RAY_AUTH_TOKEN"
# Variables that must be the same on every node, and what is where they say. Their values stay there: they hold passwords.
VARIABLES = {"BRIGHTFIELD_STUDIES": "studies", "MLFLOW_TRACKING_URI": "runs"}


class WorkerKilledError(Exception):
    """A worker was killed on its node, perhaps because memory ran out."""


@dataclass(frozen=True)
class Room:
    """What one worker takes, and for how many there is room.

    Attributes:
        cpus, gpus: of a worker.
        workers: on all nodes.
    """

    cpus: int
    gpus: int
    workers: int

    @classmethod
    def of(cls, resources: Sequence[Mapping[str, float]], compute: params.Compute) -> Room:
        """One worker a GPU where there are any, else one for each ``compute.threads`` CPUs of a node.

        Args:
            resources: of each node, as Ray counts them: ``CPU`` and ``GPU``.
            compute: of ``params.yaml``. With ``device: cpu`` GPUs are left alone.

        Raises:
            BrightfieldError: there is no room for any.
        """
        gpus = 0 if compute.device == "cpu" else sum(int(node.get("GPU", 0)) for node in resources)
        if gpus:  # processors beside them would compute other numbers, in other times
            return cls(0, 1, gpus)
        if compute.device == "cuda":
            raise BrightfieldError("compute.device is cuda, and no node of the Ray cluster has a GPU.")
        most = max((int(node.get("CPU", 0)) for node in resources), default=0)
        if most < compute.threads:
            raise BrightfieldError(
                f"compute.threads is {compute.threads}, and no node of the Ray cluster has so many CPUs (the largest: {most}). "
                "Choose fewer threads, or start nodes with more CPUs."
            )
        return cls(compute.threads, 0, sum(int(node.get("CPU", 0)) // compute.threads for node in resources))

    def is_on(self, resources: Mapping[str, float]) -> bool:
        """Whether a node has room for one at all."""
        return resources.get("CPU", 0) >= self.cpus and resources.get("GPU", 0) >= self.gpus


def run(
    arguments: Sequence[str],
    compute: params.Compute,
    data: Path,
    shared: bool,
    watch: Callable[[], None],
    say: Callable[[str], None],
) -> int:
    """Run workers on all nodes of the cluster that ``RAY_ADDRESS`` names, else of this machine, until all have ended.

    Args:
        arguments: of ``brightfield``, for a worker.
        compute: of ``params.yaml``.
        data: the folder of the prepared dataset.
        shared: whether workers on other machines can take part in the study.
        watch: called now and then, to show what there is.
        say: shows a line to the user.

    Returns:
        Number of workers.

    Raises:
        BrightfieldError: Ray is not installed or cannot be reached, a node does not see what this process sees, or workers end with
            an error.
    """
    with _connected(say) as ray:
        nodes = [node for node in ray.nodes() if node["Alive"]]
        room = Room.of([node["Resources"] for node in nodes], compute)
        others = _check(ray, nodes, data, shared)
        where = f"{len(nodes)} nodes" if len(nodes) > 1 else "one node"
        say(f"{room.workers} workers on {where} of Ray{', on several machines' if others else ''}.")
        task = ray.remote(_work).options(
            num_cpus=room.cpus,
            num_gpus=room.gpus,
            max_retries=worker_processes.MOST_RESTARTS,
            retry_exceptions=[WorkerKilledError],
        )
        folder = str(Path.cwd())
        pending = [task.remote(folder, list(arguments), compute.threads) for _ in range(room.workers)]
        try:
            while pending:
                done, pending = ray.wait(pending, timeout=worker_processes.POLL_S)
                watch()
                for each in done:
                    _end_of(ray, each)
                if not any(node["Alive"] and room.is_on(node["Resources"]) for node in ray.nodes()):
                    raise BrightfieldError(
                        "No node of the Ray cluster is left. The same command goes on when there is one."
                    )
        except BaseException:
            _cancel(ray, pending)
            raise
        return room.workers


def _end_of(ray: Any, task: Any) -> None:
    """Raise what a worker ended with, if it did not end well."""
    try:
        code, said, node = ray.get(task)
    except ray.exceptions.RayError as error:  # of many kinds: what they share is that Ray has tried often enough
        cause = getattr(error, "cause", None)
        said = str(cause or error).strip().splitlines()
        raise BrightfieldError(
            f"A worker was lost {worker_processes.MOST_RESTARTS + 1} times: {said[-1] if said else type(error).__name__} "
            "The same command goes on."
        ) from None
    if code:
        raise worker_processes.failure(code, said, f" on {node}")


def _cancel(ray: Any, tasks: Sequence[Any]) -> None:
    """End workers as Ctrl+C does, those that wait for room, too."""
    for each in tasks:
        ray.cancel(each)
    if tasks:
        ray.wait(list(tasks), num_returns=len(tasks), timeout=worker_processes.GRACE_S)


@contextmanager
def _connected(say: Callable[[str], None]) -> Iterator[Any]:
    """Ray, connected with a cluster; one that is begun here ends here."""
    address = os.environ.get(ADDRESS)
    own = {} if address else OWN_CLUSTER | {TOKEN: secrets.token_hex(32)}
    for name, value in (SETTINGS | own).items():
        os.environ.setdefault(name, value)
    try:
        import ray as installed
    except ImportError as error:
        raise BrightfieldError(
            "--workers ray needs Ray, which is not installed. `uv pip install ray`, or `--workers 2` for workers on this machine."
        ) from error
    ray: Any = installed
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            say(f"{ADDRESS} names no cluster: one of this machine alone is begun.")
            cpus = len(processes.cores())
            ray.init("local", num_cpus=cpus, include_dashboard=False, _node_ip_address=LOCALHOST, **quiet)
    except Exception as error:  # ConnectionError, RuntimeError, ValueError, and those of gRPC
        lines = str(error).strip().splitlines() or [type(error).__name__]
        where = f"The Ray cluster at {address} ({ADDRESS}) cannot be reached" if address else "Ray cannot be started"
        raise BrightfieldError(f"{where}: {lines[0]} Does `ray status` show it, on this machine?") from None
    try:
        yield ray
    finally:
        ray.shutdown()


# --- what nodes see -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """What a process sees of the project; digests, which are compared.

    Attributes:
        name: of the machine.
        machine: a name that no other machine has.
        params, data, code: None where there is no such file or folder.
        variables: by their names; None for one that is not set.
    """

    name: str
    machine: str
    params: str | None
    data: str | None
    code: str
    variables: Mapping[str, str | None]


def look(folder: str, data: str, salt: str) -> Sight:
    """What this process sees.

    Args:
        folder: of the project, absolute.
        data: the folder of the prepared dataset, in it.
        salt: of the digests of variables, by which their values cannot be guessed.
    """
    package = Path(brightfield.__file__).parent
    parameters, images = Path(folder) / "params.yaml", Path(folder) / data
    # in a container the kernel is that of its host, and so are the locks of files
    boot = Path("/proc/sys/kernel/random/boot_id")
    return Sight(
        platform.node(),
        boot.read_text().strip() if boot.is_file() else platform.node(),
        _digest([parameters.read_bytes()]) if parameters.is_file() else None,
        _digest(_listed(images)) if images.is_dir() else None,
        _digest(path.read_bytes() for path in sorted(package.rglob("*.py"))),
        {name: _digest([(salt + os.environ[name]).encode()]) if os.environ.get(name) else None for name in VARIABLES},
    )


def _listed(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode()


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _check(ray: Any, nodes: Sequence[Mapping[str, Any]], data: Path, shared: bool) -> bool:
    """Whether nodes are on other machines than this process.

    Raises:
        BrightfieldError: one of them does not see what this process sees, or its trials would not be seen here.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    folder, salt = str(Path.cwd()), secrets.token_hex(16)
    own = look(folder, str(data), salt)
    asked = ray.remote(look)
    tasks = {
        node["NodeManagerHostname"]: asked.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(folder, str(data), salt)
        for node in nodes
    }
    seen = []
    for name, task in tasks.items():
        try:
            seen.append(ray.get(task, timeout=LOOK_S))
        except ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise BrightfieldError(
                f"The Ray node {name} cannot run Brightfield: {lines[-1]} Install the same version there, in the environment in "
                "which `ray start` is called."
            ) from None
    for sight in seen:
        if problem := difference(own, sight, folder, data):
            raise BrightfieldError(f"The Ray node {sight.name} {problem}")
    others = any(sight.machine != own.machine for sight in seen)
    if others:
        check_shared(shared)
    return others


def difference(own: Sight, sight: Sight, folder: str, data: Path) -> str:
    """What a node sees otherwise than this process, as the end of a sentence; empty where nothing is.

    Args:
        own: of this process.
        sight: of the node.
        folder: of the project.
        data: the folder of the prepared dataset.
    """
    share = "All nodes need the project under the same path, on a disk that they share."
    if sight.params is None:
        return f"has no project in {folder}. {share}"
    if sight.params != own.params:
        return f"sees another params.yaml in {folder}. {share}"
    if sight.data != own.data:
        return f"{'has no' if sight.data is None else 'sees other files in'} {data.as_posix()}. {share}"
    if sight.code != own.code:
        return "has another version of Brightfield, whose trials would not be comparable. Install the same."
    for name, what in VARIABLES.items():
        if sight.variables[name] != own.variables[name]:
            return f"has another {name} than this process, so its {what} would be elsewhere. Set the same before `ray start`."
    return ""


def check_shared(shared: bool) -> None:
    """Refuse files of this machine as the place of what workers on other machines write.

    Raises:
        BrightfieldError: studies or runs are in such files.
    """
    from brightfield.experiments import runs

    if not shared:
        raise BrightfieldError(
            "The Ray cluster has nodes on other machines, and studies are in a file, which only workers on one machine share. "
            "Set BRIGHTFIELD_STUDIES=postgresql://user:password@host/name here and on all nodes, before `ray start`."
        )
    if runs.tracking_uri().startswith("sqlite"):
        raise BrightfieldError(
            "The Ray cluster has nodes on other machines, and MLflow's runs are in a file, which only workers on one machine "
            "share. Set MLFLOW_TRACKING_URI to a server here and on all nodes, before `ray start`."
        )


# --- on a node ------------------------------------------------------------------------------------------------------------


def _work(folder: str, arguments: Sequence[str], threads: int) -> tuple[int, str, str]:
    """Run a worker on this node to its end: the code with which it ended, its last lines, and the name of the machine.

    Raises:
        WorkerKilledError: it was killed, so that Ray starts it again.
    """
    node = platform.node()
    logs = Path(folder) / layout.TRIALS
    logs.mkdir(parents=True, exist_ok=True)
    said = logs / f"worker-{node}-{os.getpid()}.log"
    command = [sys.executable, "-m", "brightfield.cli", *arguments, "--parent", str(os.getpid())]
    with said.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=worker_processes.environment(threads), stdout=file, stderr=subprocess.STDOUT
        )
    try:
        while (code := process.poll()) is None:
            time.sleep(worker_processes.POLL_S)  # Ray interrupts what is in Python, and not what waits for a process
        last = worker_processes.tail(said)
    except BaseException:
        worker_processes.end([process])
        raise
    finally:
        said.unlink(missing_ok=True)
    if code < 0:
        raise WorkerKilledError(f"it was killed by signal {-code} on {node}, perhaps because memory ran out.")
    return code, last, node
