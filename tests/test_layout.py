"""Where things lie: the code and dvc.yaml say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import tiny
from brightfield import layout, params
from brightfield.stages import code

PIPELINE = params.read_yaml(tiny.REPOSITORY / "dvc.yaml")["stages"]
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE.items()}
OUTPUTS: dict[str, set[Path]] = {
    "code": {layout.CODE},
    "simulate": {layout.raw("KEY")},
    "prepare": {layout.prepared("KEY")},
    "train": {layout.model("TASK", "KEY"), layout.curve("KEY")},
    "evaluate": {
        layout.predictions("TASK", "KEY"),
        layout.report("KEY"),
        layout.scores("KEY"),
        layout.confusion("KEY"),
    },
    "ensemble": {layout.ensemble("TASK", "KEY"), layout.report("KEY"), layout.scores("KEY"), layout.confusion("KEY")},
    "register": {layout.registration("KEY")},
}
SECTIONS = {
    "simulate": "simulations",
    "prepare": "datasets",
    "train": "models",
    "evaluate": "models",
    "ensemble": "ensembles",
    "register": "tasks",
}


def filled(text: str) -> Path:
    return Path(text.replace("${key}", "KEY").replace("${item.task}", "TASK"))


def written(stage: Mapping[str, Any]) -> list[str]:
    """All that DVC keeps of a stage: its outs, metrics and plots."""
    outs = [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in outs]


def test_the_pipeline_has_these_stages_and_no_other() -> None:
    assert list(PIPELINE) == list(OUTPUTS)


@pytest.mark.parametrize("stage", OUTPUTS)
def test_a_stage_writes_where_dvc_looks(stage: str) -> None:
    assert {filled(out) for out in written(STAGES[stage])} == OUTPUTS[stage]


def test_git_leaves_to_dvc_what_stages_write() -> None:
    ignored = (tiny.REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    folders = {f"/{Path(out).parts[0]}/" for stage in STAGES.values() for out in written(stage)} - {"/data/"}
    assert all({folder, f"{folder}*", f"{folder}*/*"} & set(ignored) for folder in folders), folders


def test_what_a_stage_depends_on_is_what_another_writes() -> None:
    of_a_name = (layout.raw, layout.prepared)
    of_a_task = (layout.model, layout.predictions, layout.ensemble)
    made = {place("X") for place in of_a_name} | {place("X", "X") for place in of_a_task}
    made |= {place("X", "X").parent for place in of_a_task}
    dependencies = [d for name in SECTIONS for d in STAGES[name]["deps"] if not d.startswith("code/")]
    assert dependencies
    for dependency in dependencies:
        assert Path(re.sub(r"\$\{[^}]+\}", "X", dependency)) in made, dependency


@pytest.mark.parametrize(("stage", "section"), SECTIONS.items())
def test_a_stage_depends_on_the_list_of_its_code(stage: str, section: str) -> None:
    own = params.load(tiny.REPOSITORY / "params.yaml")
    lists = {layout.CODE / path for path, _ in code.lists(own)}
    (dependency,) = (d for d in STAGES[stage]["deps"] if d.startswith("code/"))
    for name, entry in getattr(own, section).items():
        found = re.sub(r"\$\{item\.([^}]+)\}", lambda match, entry=entry: dotted(entry, match[1]), dependency)
        found = found.replace("${key}", name)
        assert found.startswith(f"code/{stage}/")
        assert Path(found) in lists


def dotted(entry: Any, path: str) -> str:
    for name in path.split("."):
        entry = getattr(entry, name)
    return str(entry)


def literals(file: Path) -> Iterator[str]:
    """Every text in a module, docstrings among them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_name_of_a_file_is_written_down_once() -> None:
    texts = [value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)]
    names = {text for text in texts if re.fullmatch(r"[a-z]+\.[a-z0-9]+", text)}
    assert {layout.BUNDLE, layout.METRICS, layout.INDEX} <= names
    package = tiny.REPOSITORY / "src" / "brightfield"
    for file in [*package.rglob("*.py"), *(tiny.REPOSITORY / "dashboard").rglob("*.py")]:
        if file == package / "layout.py":
            continue
        # the table of a prediction is called as that of a report
        elsewhere = {layout.IMAGE_SCORES} if file.is_relative_to(package / "results") else set()
        for text in literals(file):
            assert text.rpartition("/")[2] not in names - elsewhere, f"{file}: use brightfield.layout for {text!r}"
