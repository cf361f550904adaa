"""Which modules run, on a small package."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield.system import closure

FILES = {
    "__init__.py": "",
    "top.py": "import json\nfrom lab.tools import Tool\n\ndef go():\n    from lab import late\n    import lab.deep.inner\n",
    "late.py": "from lab.alone import x as y\n",
    "alone.py": "",
    "unused.py": "",
    "typed.py": "",
    "deep/__init__.py": "from . import sibling\n",
    "deep/inner.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from lab.typed import T\nelse:\n    from ..other import t\n",
    "deep/sibling.py": "",
    "other.py": "",
    "tools/__init__.py": "from lab.tools.saw import Saw\nfrom lab.tools.base import Tool\nfrom lab.shelf import where\n",
    "tools/base.py": "",
    "tools/saw.py": "from lab.unused import u\n",
    "shelf.py": "",
}


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        path = tmp_path / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(closure, "ROOT", tmp_path / "lab")
    monkeypatch.setattr(closure, "PACKAGE", "lab")
    for cached in (closure.file_of, closure._imports, closure._origins):
        cached.cache_clear()


ALWAYS = {"lab", "lab.top", "lab.late", "lab.alone", "lab.deep", "lab.deep.inner", "lab.deep.sibling", "lab.other"}
ALWAYS |= {"lab.tools", "lab.tools.base", "lab.shelf"}


def test_every_import_counts_also_inside_functions_but_not_those_for_type_checkers() -> None:
    assert closure.closure(["lab.top"]) == ALWAYS | {"lab.tools.saw", "lab.unused"}


def test_of_a_table_only_what_is_named_is_followed() -> None:
    tables = frozenset({"lab.tools"})
    assert closure.closure(["lab.top"], tables) == ALWAYS
    assert closure.closure(["lab.top", "lab.tools.saw"], tables) == ALWAYS | {"lab.tools.saw", "lab.unused"}


def test_what_is_passed_over_leads_nowhere() -> None:
    left = closure.closure(["lab.top"], frozenset({"lab.tools"}), lambda module: module == "lab.late")
    assert left == ALWAYS - {"lab.late", "lab.alone"}


def test_a_module_that_is_not_there_is_an_error() -> None:
    assert closure.file_of("lab.nothing") is None
    assert closure.file_of("json") is None
    with pytest.raises(ValueError, match="no module lab.nothing"):
        closure.closure(["lab.nothing"])
