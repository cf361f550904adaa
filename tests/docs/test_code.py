"""Commands and code of the documentation: they exist, with the options that they use, and what is marked runs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from brightfield import cli
from docs import pages

RUNS = "run"  # behind ```python: the block runs, in order with the others of its page that are marked
APP = typer.main.get_command(cli.app)
OTHERS = {
    "dvc",
    "mlflow",
    "git",
    "export",
    "source",
    "cd",
    "pip",
    "uv",
}  # programs that are not ours, and the shell's own words
every_page = pytest.mark.parametrize("path", pages.all_pages(), ids=pages.name)


def targets() -> set[str]:
    """Targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (pages.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def variables() -> set[str]:
    """Variables that a target of the Makefile takes."""
    return set(re.findall(r"\$\(([A-Z_]+)\)", (pages.ROOT / "Makefile").read_text(encoding="utf-8")))


def options(command: object) -> dict[str, bool]:
    """Options of a command, and whether each takes a value."""
    found = {"--help": False}
    for parameter in getattr(command, "params", []):
        if isinstance(parameter, typer.core.TyperOption):
            found |= dict.fromkeys([*parameter.opts, *parameter.secondary_opts], not parameter.is_flag)
    return found


def wrong_call(words: list[str]) -> str | None:
    """What is wrong with a call of ``brightfield``, None if nothing is."""
    rest, command = words[1:], APP
    while rest and rest[0] in options(command):
        rest = rest[1:]
    while isinstance(command, typer.core.TyperGroup):
        if not rest:
            return None if command is APP else "a command is missing"
        if rest[0] not in command.commands:
            return f"there is no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    return _wrong_arguments(command, rest)


def _wrong_arguments(command: Any, rest: list[str]) -> str | None:
    known, places = options(command), []
    while rest:
        word, *rest = rest
        if not word.startswith("-"):
            places.append(word)
        elif word not in known:
            if not command.context_settings.get("ignore_unknown_options"):
                return f"there is no option {word}"
            rest = rest[1:]
        elif known[word]:
            if not rest:
                return f"{word} takes a value"
            rest = rest[1:]
    arguments = [p for p in command.params if isinstance(p, typer.core.TyperArgument)]
    if all(argument.nargs == 1 for argument in arguments) and len(places) > len(arguments):
        return f"too many arguments: {' '.join(places)}"
    return None


def wrong_make(words: list[str]) -> str | None:
    """What is wrong with a call of ``make``."""
    for word in words[1:]:
        name, is_set, _ = word.partition("=")
        if is_set and name not in variables() | {"PYTHON"}:
            return f"the Makefile has no variable {name}"
        if not is_set and word not in targets():
            return f"the Makefile has no target {word}"
    return None


def wrong(words: list[str]) -> str | None:
    """What is wrong with a command."""
    checks: Mapping[str, object] = {"brightfield": wrong_call, "make": wrong_make}
    if words[0] in OTHERS:
        return None
    check = checks.get(words[0])
    return check(words) if callable(check) else f"{words[0]} is no program that the documentation may call"


@every_page
def test_commands_in_blocks_exist_with_their_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {" ".join(words): wrong(words) for words in pages.commands(text)}
    assert {command: problem for command, problem in found.items() if problem} == {}


@every_page
def test_commands_in_sentences_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    calls = [words for program in ("brightfield", "make") for words in pages.inline_commands(text, program)]
    placeholders = {"COMMAND", "NAME=..."}
    found = {" ".join(words): wrong(words) for words in calls if not placeholders & set(words)}
    assert {command: problem for command, problem in found.items() if problem} == {}


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("brightfield predict rbc a.png b.png -o out", None),
        ("brightfield --debug data list --json", None),
        ("brightfield train x --training.epochs 4", None),
        ("brightfield predit rbc", "there is no command 'predit'"),
        ("brightfield predict rbc a.png --oot out", "there is no option --oot"),
        ("brightfield use a b", "too many arguments: a b"),
        ("brightfield use a --model", "--model takes a value"),
        ("brightfield data", "a command is missing"),
        ("make tune MODEL=x TRIALS=3", None),
        ("make coffee", "the Makefile has no target coffee"),
        ("make tune MODLE=x", "the Makefile has no variable MODLE"),
        ("rm -r x", "rm is no program that the documentation may call"),
    ],
)
def test_a_wrong_command_is_noticed(call: str, problem: str | None) -> None:
    assert wrong(call.split()) == problem


@every_page
def test_python_compiles(path: Path) -> None:
    for block in pages.blocks(path.read_text(encoding="utf-8")):
        if block.language in ("python", "py"):
            compile(block.text, pages.name(path), "exec")


@pytest.mark.slow
@every_page
def test_python_that_is_marked_runs(path: Path, tmp_path: Path) -> None:
    found = [
        b.text for b in pages.blocks(path.read_text(encoding="utf-8")) if b.language == "python" and b.marks == RUNS
    ]
    if not found:
        pytest.skip("the page marks no block with ```python run")
    done = subprocess.run([sys.executable, "-c", "\n".join(found)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
