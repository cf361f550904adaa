"""``brightfield train`` in a process of its own, killed in the middle of an epoch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tiny
from brightfield import layout
from brightfield.experiments import runs
from brightfield.inference import bundle
from brightfield.stages import train
from brightfield.training.resuming import Resumable
from conftest import write_prepared
from trained import fit

NAME, TASK = "denoise-unet", "denoise"
LONG = ["--training.epochs", "6", "--training.steps_per_epoch", "40", "--training.patch_px", "32"]
COMMAND = [sys.executable, "-m", "brightfield.cli", "train", NAME, *LONG]
PATIENCE_S = 180.0


def started() -> subprocess.Popen[str]:
    # a group of its own: Ctrl+C of a terminal reaches every process in it
    return subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def in_the_middle_of_an_epoch(process: subprocess.Popen[str], epochs: int) -> None:
    """Wait until as many epochs are saved, and a little of the next one is done."""
    deadline = time.monotonic() + PATIENCE_S
    path = layout.unfinished(NAME)
    while _saved(path) < epochs:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "the training does not get on"
        time.sleep(0.01)
    time.sleep(0.05)


def _saved(path: Path) -> int:
    """How many epochs are saved."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return len(json.loads(header["__metadata__"]["plain"])["rows"])


def outputs() -> tuple[bytes, bytes]:
    folder = layout.model(TASK, NAME)
    return (folder / layout.WEIGHTS).read_bytes(), (folder / layout.HISTORY).read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("tracked_project", "interruptible")
def test_a_killed_training_goes_on_with_the_same_command_on_the_same_run() -> None:
    write_prepared(layout.prepared(TASK), "restoration")
    subprocess.run(COMMAND, check=True, capture_output=True)
    undisturbed = outputs()
    assert not layout.unfinished(NAME).exists()
    for number, stop in enumerate((signal.SIGKILL, signal.SIGINT), start=1):
        process = started()
        in_the_middle_of_an_epoch(process, number)
        os.killpg(process.pid, stop)
        process.communicate()
        assert process.returncode != 0
        left = runs.search(TASK).iloc[0]
        assert left["status"] == {signal.SIGKILL: "RUNNING", signal.SIGINT: "KILLED"}[stop]
        done = subprocess.run(COMMAND, check=True, capture_output=True, text=True)
        assert f"{NAME}: goes on after epoch " in done.stdout
        assert outputs() == undisturbed
        assert not layout.unfinished(NAME).exists()
        table = runs.search(TASK)
        assert len(table) == 1 + number  # no run begins when a training goes on
        assert set(table["status"]) == {"FINISHED"}
        assert json.loads((layout.model(TASK, NAME) / layout.RUN).read_text())["run_id"] == left["run_id"]
        logged = runs.history(left["run_id"], "train_loss")
        assert list(logged["step"]) == list(range(6))


@pytest.mark.usefixtures("tracked_project")
def test_the_run_of_a_training_that_nobody_goes_on_with_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    write_prepared(layout.prepared(TASK), "restoration")
    left = runs.start(TASK, NAME, kind="restoration", role="member", params={}, lineage=train.lineage.collect())
    _leave_state(left.id)
    train.run(NAME, options=["--training.epochs", "1"])
    assert "goes on" not in capsys.readouterr().out
    assert dict(runs.search(TASK)[["run_id", "status"]].to_numpy())[left.id] == "KILLED"
    assert bundle.read(layout.model(TASK, NAME)).name == NAME


@pytest.mark.parametrize(
    ("task", "name", "kind", "width"),
    [
        ("rbc", "rbc-convnet", "classification", 18 * 85 / 32),  # crops of 32 px are resized to the task's 85
        ("bacteria", "bacteria-lite", "segmentation", 15),
        ("bacteria", "bacteria-watershed", "segmentation", None),
        ("denoise", "denoise-unet", "restoration", None),
    ],
)
@pytest.mark.usefixtures("tracked_project")
def test_a_network_carries_the_width_of_what_it_was_shown(task: str, name: str, kind: str, width: float | None) -> None:
    write_prepared(layout.prepared(task), kind)
    train.run(name)
    covered = bundle.read(layout.model(task, name)).coverage
    assert covered is not None
    assert covered.width_px == (None if width is None else pytest.approx(width, rel=0.1))


def _leave_state(run_id: str) -> None:
    """What a training of other settings leaves."""
    resumable = Resumable(layout.unfinished(NAME), "of other settings")
    resumable.about = {"run_id": run_id}
    fit("restoration", tiny.model("restoration"), resumable=resumable)
