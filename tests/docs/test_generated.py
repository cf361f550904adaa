"""Pages that are made are those that would be made now; the site builds without a warning and needs no network."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from docs import pages


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py."""
    spec = importlib.util.spec_from_file_location("generate", pages.ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_reference_is_that_of_today(generate: ModuleType) -> None:
    assert generate.COMMANDS.read_text(encoding="utf-8") == generate.commands_page(), "run `make docs`, and commit"


def test_the_benchmarks_are_those_of_the_files(generate: ModuleType) -> None:
    made = generate.benchmarks_page(pages.ROOT / "reports" / "bench")
    assert generate.BENCHMARKS.read_text(encoding="utf-8") == made, "run `make docs`, and commit"


def test_every_command_has_a_heading(generate: ModuleType) -> None:
    anchors = pages.anchors(generate.commands_page())
    assert {"brightfield-predict", "brightfield-data-list", "brightfield-adopt"} <= anchors


def test_benchmarks_show_what_was_missed_and_who_stands_beside(generate: ModuleType, tmp_path: Path) -> None:
    assert "Nothing has been measured" in generate.benchmarks_page(tmp_path)
    claims = generate.claims
    rows = [
        claims.Claim("recall", 0.8, aim=0.9, better="higher"),
        claims.Claim("error", 0.01, "px", aim=0.02, against="trackpy", peer_value=0.04),
    ]
    claims.write("beads", rows, tmp_path, {"commit": "c0ffee0123456789", "processor": "an abacus"})
    page = generate.benchmarks_page(tmp_path)
    assert "## beads" in page
    assert re.search(r"Measured on \d{4}-\d\d-\d\d at commit `c0ffee012345`, on an abacus\.", page)
    assert "| recall | **0.8, missed** | at least 0.9 |  |  |" in page
    assert "| error | 0.01 px | at most 0.02 px | trackpy | 0.04 px |" in page


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for name in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    subprocess.run([sys.executable, str(pages.ROOT / "docs" / "generate.py")], check=True, cwd=pages.ROOT)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    command += ["--doctree-dir", str(tmp_path / "trees"), "docs", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+href="(?:https?:)?//|url\(["\']?(?:https?:)?//'
    )
    found = {
        path.relative_to(tmp_path): loaded.findall(path.read_text(encoding="utf-8"))
        for suffix in ("html", "css")
        for path in (tmp_path / "site").rglob(f"*.{suffix}")
    }
    assert {path: hits for path, hits in found.items() if hits} == {}
    assert (tmp_path / "site" / "index.html").is_file()
