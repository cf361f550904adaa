"""The pages that are made and not written.

``commands.md`` comes from the command line, ``benchmarks.md`` from ``reports/bench``: ``make docs`` makes both, ``make bench`` the
second. They are committed, so that they can be read without building the site; a test says when one is stale. Pages of the Python
interface, one a package, are made in ``docs/api`` for the site alone.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

import claims  # noqa: E402  the benchmarks are scripts, not a package

from brightfield.cli import app  # noqa: E402

COMMANDS, BENCHMARKS = ROOT / "docs" / "commands.md", ROOT / "docs" / "benchmarks.md"
API, SOURCE = ROOT / "docs" / "api", ROOT / "src"
PUBLIC = "brightfield"  # what a notebook imports
ROOMS = "images results metrics tasks architectures simulate beads data inference prediction training evaluation experiments params"
PACKAGES = [PUBLIC, *(f"{PUBLIC}.{room}" for room in ROOMS.split())]
WIDTH = 88  # of the text of a command's help
MADE = "<!-- Made by docs/generate.py: change it there, and run `make docs`. -->\n\n"


def main() -> None:
    """Write all pages."""
    _replace(COMMANDS, commands_page())
    write_benchmarks()
    write_api()


def write_benchmarks() -> None:
    """Write the page of benchmarks."""
    _replace(BENCHMARKS, benchmarks_page(ROOT / claims.FOLDER))


def _replace(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# --- commands ---------------------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command with what ``--help`` says of it, by family."""
    families: dict[str, list[str]] = {}
    whole = typer.main.get_command(app)
    assert isinstance(whole, typer.core.TyperGroup)
    for words, family in _commands(whole):
        families.setdefault(family, []).append(f"### brightfield {' '.join(words)}\n\n```text\n{_help(words)}\n```\n")
    parts = [f"## {family}\n\n" + "\n".join(sections) for family, sections in families.items()]
    intro = (
        "# Command reference\n\n"
        "This is what `brightfield COMMAND --help` prints. `brightfield --debug COMMAND` shows the traceback of an error.\n"
        "`make` alone lists the targets of the Makefile.\n\n"
    )
    return MADE + intro + "\n".join(parts)


def _commands(
    group: typer.core.TyperGroup, before: tuple[str, ...] = (), family: str = ""
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Words and family of every command; a group's commands belong to its family."""
    for name, command in group.commands.items():
        if command.hidden:  # what another command starts
            continue
        own = getattr(command, "rich_help_panel", None)
        where = own if isinstance(own, str) else family or name.capitalize()
        if isinstance(command, typer.core.TyperGroup):
            yield from _commands(command, (*before, name), where)
        else:
            yield (*before, name), where


def _help(words: tuple[str, ...]) -> str:
    shown = CliRunner().invoke(app, [*words, "--help"], prog_name="brightfield", terminal_width=WIDTH, color=False)
    return shown.output.strip()


# --- benchmarks -------------------------------------------------------------------------------------------------------


def benchmarks_page(folder: Path) -> str:
    """A table for each file of claims in the folder."""
    intro = (
        "# Benchmarks\n\n"
        "Whatever the project claims about quality, speed or memory is measured by `make bench NAME=...`. Each run writes\n"
        "`reports/bench/NAME.json`, and this page anew. A figure that misses its aim says so. Peers are measured in the\n"
        "same run on the same machine. Times depend on the machine and on what else it does; ratios to a peer depend on it\n"
        "much less.\n\n"
    )
    files = sorted(folder.glob("*.json"))
    if not files:
        return MADE + intro + "Nothing has been measured in this copy yet. Begin with `make bench NAME=audit`.\n"
    return MADE + intro + "\n".join(_section(path) for path in files)


def _section(path: Path) -> str:
    about, found = claims.read(path)
    head = f"## {path.stem}\n\nMeasured on {about['date']} at commit `{about['commit'][:12]}`, on {about['processor']}.\n\n"
    lines = ["| Claim | Value | Aim | Against | Peer's value |", "|---|---|---|---|---|", *map(_line, found)]
    return head + "\n".join(lines) + "\n"


def _line(claim: claims.Claim) -> str:
    bound = "at least" if claim.better == "higher" else "at most"
    value = claims.number(claim.value, claim.unit)
    aim = "" if claim.aim is None else f"{bound} {claims.number(claim.aim, claim.unit)}"
    peer = (
        "" if claim.peer_value is None or math.isnan(claim.peer_value) else claims.number(claim.peer_value, claim.unit)
    )
    cells = (claim.claim, f"**{value}, missed**" if claim.is_missed else value, aim, claim.against, peer)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# --- Python interface -------------------------------------------------------------------------------------------------


def write_api() -> None:
    """Write a page for each package of :data:`PACKAGES`; pages of packages that are gone are removed."""
    API.mkdir(exist_ok=True)
    pages = {API / f"{name}.md": _package_page(name) for name in PACKAGES}
    for path in set(API.glob("*.md")) - pages.keys():
        path.unlink()
    for path, text in pages.items():
        _replace(path, text)


def _package_page(name: str) -> str:
    """The package, then each of its modules, with whatever is public."""
    folder = SOURCE / name.replace(".", "/")
    files = [folder / "__init__.py"] if name == PUBLIC else sorted(folder.rglob("*.py"))
    own = "imported-members" if name == PUBLIC else "ignore-module-all"  # the rest is described where it is defined
    made = "```{{eval-rst}}\n.. automodule:: {module}\n   :{own}:\n```\n"
    sections = [
        (f"## {module}\n\n" if module != name else "") + made.format(module=module, own=own)
        for module in map(_module, files)
    ]
    return f"# {name}\n\n" + "\n".join(sections)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


if __name__ == "__main__":
    main()
