"""Where things lie: the code and dvc.yaml say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny
from brightfield import layout, params

PIPELINE = params.read_yaml(tiny.REPOSITORY / "dvc.yaml")["stages"]
OUTPUTS: dict[str, set[Path]] = {
    "simulate": {layout.raw("KEY")},
    "prepare": {layout.prepared("KEY")},
    "train": {layout.model("TASK", "KEY")},
    "evaluate": {layout.predictions("TASK", "KEY"), layout.report("KEY")},
    "ensemble": {layout.ensemble("TASK", "KEY"), layout.report("KEY")},
    "register": {layout.registration("KEY")},
}


def filled(text: str) -> Path:
    return Path(text.replace("${key}", "KEY").replace("${item.task}", "TASK"))


def test_the_pipeline_has_these_stages_and_no_other() -> None:
    assert list(PIPELINE) == list(OUTPUTS)


@pytest.mark.parametrize("stage", OUTPUTS)
def test_a_stage_writes_where_dvc_looks(stage: str) -> None:
    outs = [out if isinstance(out, str) else next(iter(out)) for out in PIPELINE[stage]["do"]["outs"]]
    assert {filled(out) for out in outs} == OUTPUTS[stage]


def test_what_a_stage_depends_on_is_what_another_writes() -> None:
    of_a_name = (layout.raw, layout.prepared)
    of_a_task = (layout.model, layout.predictions, layout.ensemble)
    written = {place("X") for place in of_a_name} | {place("X", "X") for place in of_a_task}
    written |= {place("X", "X").parent for place in of_a_task}
    dependencies = [d for stage in PIPELINE.values() for d in stage["do"]["deps"] if not d.startswith("src/")]
    assert dependencies
    for dependency in dependencies:
        assert Path(re.sub(r"\$\{[^}]+\}", "X", dependency)) in written, dependency


def test_the_code_a_stage_depends_on_is_there_for_every_entry() -> None:
    own = params.load(tiny.REPOSITORY / "params.yaml")
    values: dict[str, set[str]] = {
        "item.simulator": {simulation.simulator for simulation in own.simulations.values()},
        "item.kind": {task.kind for task in own.tasks.values()},
        "item.network.architecture": {model.network.architecture for model in own.models.values()},
    }
    dependencies = [d for stage in PIPELINE.values() for d in stage["do"]["deps"] if d.startswith("src/")]
    assert dependencies
    for dependency in dependencies:
        for name in re.findall(r"\$\{([^}]+)\}", dependency) or [""]:
            for value in values.get(name, {""}):
                assert (tiny.REPOSITORY / dependency.replace(f"${{{name}}}", value)).exists(), (dependency, value)


def literals(file: Path) -> Iterator[str]:
    """Every text in a module, docstrings among them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_name_of_a_file_is_written_down_once() -> None:
    texts = [value for value in vars(layout).values() if isinstance(value, str)]
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
