"""The public face: names are imported when they are asked for, and each is there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import brightfield
from brightfield import prediction, results
from brightfield.data.records import Record


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_import_brings_nothing_heavy() -> None:
    heavy = "torch", "numpy", "pandas", "mlflow", "matplotlib"
    assert run(f"import sys, brightfield; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_rooms_are_there_without_an_import_of_their_own() -> None:
    assert run("import brightfield; print(brightfield.results.Label(0.7).positive)") == "True"
    assert run("import brightfield; print(brightfield.simulate.records.__name__)") == "records"
    assert run("import brightfield; print(set(brightfield.__all__) <= set(dir(brightfield)))") == "True"


def test_every_public_name_is_there() -> None:
    assert all(getattr(brightfield, name) is not None for name in brightfield.__all__)
    assert brightfield.Record is Record
    assert brightfield.results is results
    assert brightfield.load.__module__ == f"{prediction.__name__}.model"


def test_type_checkers_see_the_same_names() -> None:
    """The imports that only they read, and the names that are imported when asked for, are one list."""
    source = Path(brightfield.__file__)
    assert source.with_name("py.typed").is_file()
    checked = next(node for node in ast.parse(source.read_text()).body if isinstance(node, ast.If))
    seen = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(brightfield.__all__)


def test_an_unknown_name_is_told_the_public_ones() -> None:
    with pytest.raises(AttributeError, match="no attribute 'laod'; public are .* load, "):
        brightfield.laod  # type: ignore[attr-defined]  # noqa: B018
