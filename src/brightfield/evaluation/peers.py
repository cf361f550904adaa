"""Outside opinions: another program answers the same test images, and is scored as a model is.

A peer is any command. It gets a folder of TIFF images and an empty folder for its answers, by the words ``{images}`` and
``{answers}`` in the command, and runs in an environment of its own: nothing of it is a dependency. What it has to write is said by
:meth:`brightfield.tasks.answering.Answering.foreign` of the task: label images, restored images, or a table of positions or
probabilities. For programs with an adapter (:mod:`brightfield.evaluation.adapters`) the Python that has them is command enough.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from brightfield import images, layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import scoring
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import VALIDATION, Split
from brightfield.system import lineage, progress

PLACES = ("{images}", "{answers}")
WITH = "with_"  # how the names of adapters begin
SHOWN = 1500  # characters of a failing command's messages that are shown


def scored(title: str, command: str, task_name: str, settings: params.Params) -> Scored:
    """The scores of a command's answers to the test split and the suites of a task's dataset.

    Args:
        title: name of the peer in tables.
        command: with ``{images}`` and ``{answers}``; run without a shell.
        task_name: of params.yaml.
        settings: of the project.

    Raises:
        BrightfieldError: the command names no such places, cannot be run or fails, or an answer is missing or is none.
    """
    entry = params.entry(settings.tasks, task_name, "task")
    task, data = tasks.build(entry.kind, entry.settings), layout.prepared(entry.dataset)
    words = _words(command)
    asked = [split for split in scoring.splits_to_score(task, data) if split.name != VALIDATION]
    with tempfile.TemporaryDirectory(prefix="brightfield-peer-") as place:
        shown, answers = Path(place, "images"), Path(place, "answers")
        shown.mkdir()
        answers.mkdir()
        names = _write_images(asked, shown, entry.settings.pixel_size_um)
        _run([word.replace(PLACES[0], str(shown)).replace(PLACES[1], str(answers)) for word in words], title)
        if not any(answers.iterdir()):
            raise BrightfieldError(
                f"{title} wrote nothing into {PLACES[1]}. Try the command on a folder of images by itself."
            )
        try:
            found = iter(task.answering.foreign(answers, names))
        except BrightfieldError as error:
            raise BrightfieldError(f"The answers of {title} cannot be scored: {error}") from error
    tables = []
    for split in asked:
        rows = []
        for true, image in zip(split.truth, split.images, strict=True):
            answer = next(found)
            try:
                rows.append(task.scoring.statistics(answer, true))
            except ValueError as error:
                raise BrightfieldError(
                    f"The answer of {title} to {image.id} does not fit the image: {error}."
                ) from error
        tables.append(scoring.with_origin(task, split, pd.DataFrame(rows)))
    return Scored(title, task_name, pd.concat(tables, ignore_index=True), lineage.data_hash(data))


def named(text: str) -> tuple[str, str]:
    """The title and the command of ``TITLE=COMMAND``.

    Where the title is that of an adapter, the command may be a Python, with options of the adapter; without any, it is this one.

    Raises:
        BrightfieldError: it is not of that form.
    """
    title, _, command = (part.strip() for part in text.partition("="))
    known = adapters()
    if title in known and not command and importlib.util.find_spec(title) is not None:
        command = shlex.quote(sys.executable)  # it is installed here
    elif title in known and not command:
        raise BrightfieldError(
            f"{title} runs in an environment of its own. Name the Python that has it: --with {title}=/opt/{title}/bin/python"
        )
    if not (title and command) or " " in title:
        raise BrightfieldError(
            f'Expected TITLE=COMMAND, such as "otsu=python otsu.py {" ".join(PLACES)}", or one of {", ".join(known)} with a '
            f"Python that has it, got {text!r}."
        )
    if title in known and not any(place in command for place in PLACES):
        python, *options = _split(command)
        command = shlex.join([python, str(known[title]), *PLACES, *options])
    return title, command


def adapters() -> dict[str, Path]:
    """The programs that have an adapter, by name."""
    return {path.stem.removeprefix(WITH): path for path in sorted(layout.ADAPTERS.glob(f"{WITH}*.py"))}


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BrightfieldError(f"The command {command!r} cannot be read: {error}.") from error


def _words(command: str) -> list[str]:
    words = _split(command)
    if missing := [place for place in PLACES if not any(place in word for word in words)]:
        raise BrightfieldError(
            f"The command {command!r} does not say where {missing[0]} go: {PLACES[0]} is the folder with the images, {PLACES[1]} "
            "that for what it answers."
        )
    return words


def _write_images(splits: Sequence[Split], folder: Path, pixel_size_um: float) -> list[str]:
    """The images of all splits as TIFF; their names, which are numbers: ids may hold what a file's name may not."""
    names: list[str] = []
    for split in splits:
        for record in progress.track(split.images, f"write {split.name}", len(split.images), "image"):
            names.append(f"{len(names):06d}")
            images.write_tiff(folder / f"{names[-1]}.tif", record.image, pixel_size_um=pixel_size_um)
    return names


def _run(words: Sequence[str], title: str) -> None:
    """Run a command in a group of processes of its own, which ends with this one."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise BrightfieldError(f"{title} cannot be run: {error.strerror or error}: {words[0]}.") from error
    try:
        said, complained = process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise BrightfieldError(
            f"{title} failed with exit code {process.returncode}:\n{(complained or said).strip()[-SHOWN:]}"
        )
