"""No code asks which task it holds: what differs from kind to kind is a method, or something that is declared."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

import tiny
from brightfield import params, tasks
from brightfield.results import FORMS
from brightfield.simulate import SIMULATORS

FILES = sorted(path for room in ("src", "dashboard") for path in (tiny.REPOSITORY / room).rglob("*.py"))
NAMES = {*tasks.KINDS, *params.load(tiny.REPOSITORY / "params.yaml").tasks, *SIMULATORS}
TYPES = {kind.__name__ for kind in (*tasks.KINDS.values(), *params.SETTINGS.values(), *FORMS)}


def questions(code: str) -> Iterator[str]:
    """Each place that compares something with the name or the type of a kind of task, or looks for settings that only some have."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare):
            asked = any(_names_a_kind(each) for each in (node.left, *node.comparators))
        elif isinstance(node, ast.MatchValue):
            asked = _names_a_kind(node.value)
        elif isinstance(node, ast.MatchClass):
            asked = _is_a_kind(node.cls)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function, arguments = node.func.id, node.args
            asked = function in ("isinstance", "issubclass") and any(map(_is_a_kind, ast.walk(arguments[1])))
            asked |= (
                function in ("getattr", "hasattr")
                and ast.unparse(arguments[0]).endswith("settings")
                and isinstance(arguments[1], ast.Constant)
            )
        else:
            continue
        if asked:
            yield f"line {node.lineno}: {ast.unparse(node)}"


def _names_a_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(_names_a_kind, node.elts))
    return _is_a_kind(node) or (isinstance(node, ast.Constant) and node.value in NAMES)


def _is_a_kind(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in TYPES


def test_no_code_asks_which_task_it_holds() -> None:
    assert len(FILES) > 200
    found = {str(path): list(questions(path.read_text(encoding="utf-8"))) for path in FILES}
    assert not {path: asked for path, asked in found.items() if asked}


@pytest.mark.parametrize(
    "code",
    [
        "kind == 'classification'",
        "'rbc' != name",
        "task.kind in ('tracking', 'segmentation')",
        "isinstance(task, Classification)",
        "isinstance(answer, results.Label | results.Points)",
        "type(settings) is params.SegmentationSettings",
        "match kind:\n    case 'restoration':\n        pass",
        "match task:\n    case Tracking():\n        pass",
        "getattr(task.settings, 'species', ())",
    ],
)
def test_such_a_question_is_found(code: str) -> None:
    assert len(list(questions(code))) == 1


@pytest.mark.parametrize("code", ["KINDS['tracking']", "{'rbc': rbc}", "bead.kind == 'free'", "cast(Label, answer)"])
def test_a_name_alone_is_no_question(code: str) -> None:
    assert not list(questions(code))


def test_a_message_names_the_kinds_that_declare_a_capability() -> None:
    assert tasks.kinds_that(lambda kind: kind.classifies_images) == "classification"
    assert tasks.kinds_that(lambda kind: not kind.classifies_images) == "tracking or segmentation or restoration"
    assert tasks.kinds_that(lambda kind: False) == "none"
