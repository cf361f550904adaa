"""The lists of code hold all that a stage runs, and only what it runs: by them DVC knows what a change reruns."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tiny
from brightfield import architectures, layout, params, simulate, tasks
from brightfield.stages import code
from brightfield.system import closure

TASKS = {"rbc": "classification", "beads": "tracking", "bacteria": "segmentation", "denoise": "restoration"}
OWN = tiny.full_params()
SOURCE = tiny.REPOSITORY / "src"


@cache
def lists() -> dict[str, dict[str, Any]]:
    return {path.as_posix().removesuffix(".json"): content for path, content in code.lists(OWN)}


def holding(module: str) -> set[str]:
    """The lists with a module, e.g. ``architectures/unet.py``, or with any below a folder."""
    of_package = f"brightfield/{module}"
    return {
        name for name, content in lists().items() if any(path.startswith(of_package) for path in content["modules"])
    }


def task_of(name: str) -> str:
    """The task of a list, by its name."""
    stage, _, entry = name.partition("/")
    of_stage = {"train": OWN.models, "ensemble": OWN.ensembles}.get(stage)
    return entry.split("/")[0] if of_stage is None else of_stage[entry].task


def architecture_of(name: str) -> str:
    """The architecture of the list of a model, by its name."""
    stage, _, entry = name.partition("/")
    return OWN.models[entry].network.architecture if stage == "train" else entry.split("/")[-1]


# --- all that a stage runs --------------------------------------------------------------------------------------------


STAGES = ("simulate", "prepare", "train", "evaluate", "ensemble", "register")


@cache
def loaded_by() -> dict[str, list[str]]:
    """Our modules that a fresh Python has loaded after the import of each stage; those of others are imported once for all."""
    inside = {"train": ["brightfield.training.loop"]}  # modules that are imported when something is trained
    script = f"""
import importlib, json, sys
loaded = {{}}
for stage in {STAGES}:
    for module in [name for name in sys.modules if name.startswith("brightfield")]:
        del sys.modules[module]
    for module in (f"brightfield.stages.{{stage}}", *{inside}.get(stage, ())):
        importlib.import_module(module)
    loaded[stage] = [name for name in sys.modules if name.startswith("brightfield")]
print(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_a_stage_loads_is_listed_or_passed_over_with_a_reason(stage: str) -> None:
    """As Python itself sees it, whatever our reading of the imports says."""
    loaded = loaded_by()[stage]
    listed = {path for name, content in lists().items() if name.startswith(stage) for path in content["modules"]}
    missing = [
        module
        for module in loaded
        if (path := closure.file_of(module))
        and path.relative_to(SOURCE).as_posix() not in listed
        and module not in code.IGNORED
        and not code._is_passed_over(stage, module)
    ]
    assert len(loaded) > 15
    assert missing == []


def test_every_module_that_a_stage_can_reach_is_listed_or_passed_over() -> None:
    """Without tables and exceptions: whatever is imported anywhere by anything that a stage imports, and every architecture."""
    starts = [f"brightfield.architectures.{name}" for name in architectures.BUILDERS]
    reached = closure.closure(
        [*starts, *(f"brightfield.stages.{stage}" for stage in ("train", "evaluate", "ensemble", "register"))]
    )
    listed = {path for content in lists().values() for path in content["modules"]}
    missing = {
        module
        for module in reached
        if (path := closure.file_of(module)) and path.relative_to(SOURCE).as_posix() not in listed
    }
    assert {module for module in missing if not code._is_passed_over("register", module)} <= set(code.IGNORED)


def test_what_is_passed_over_is_there() -> None:
    assert all(closure.file_of(name.removesuffix(".")) for name in code.IGNORED | code.REGISTRY)
    assert all(len(reason) > 10 for reason in (code.IGNORED | code.REGISTRY).values())


def test_names_lead_to_the_modules_that_are_listed_for_them() -> None:
    """Imports by name are not seen in the text: these three tables are all there are, and follow one rule."""
    assert {name: builder.partition(":")[0] for name, builder in architectures.BUILDERS.items()} == {
        name: name for name in code.by_name(params.Network, "architecture")
    }
    for kind, task in tasks.KINDS.items():
        assert f"{task.__module__}.".startswith(f"brightfield.tasks.{kind}.")
    assert {name: module.__name__ for name, module in simulate.SIMULATORS.items()} == {
        name: f"brightfield.simulate.{name}" for name in code.by_name(params.Simulation, "simulator")
    }
    by_name = [
        path.relative_to(SOURCE).as_posix()
        for path in sorted(SOURCE.rglob("*.py"))
        if any(
            isinstance(node, ast.Attribute) and node.attr == "import_module"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert by_name == ["brightfield/architectures/__init__.py"]


# --- what a change reruns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("architectures/unet.py", {"train/bacteria-pair", "train/bacteria-unet", "evaluate/denoise/unet"}),
        ("architectures/denoiser.py", {f"train/denoise-{name}" for name in ("nlm", "wavelet", "tv")}),
        ("architectures/pretrained.py", {"train/bacteria-lite", "train/rbc-frozen", "train/rbc-finetuned"}),
        ("beads/localisation/refining.py", {"train/beads-unet", "evaluate/beads/unet", "ensemble/beads-ensemble"}),
        ("beads/localisation/", {"train/beads-correlation", "evaluate/beads/correlation"}),
        ("evaluation/bootstrap.py", {"evaluate/rbc/convnet", "ensemble/beads-ensemble", "register/denoise"}),
        ("training/loop.py", {"train/rbc-convnet", "train/denoise-unet"}),
        ("data/store.py", {"simulate/rbc", "prepare/rbc", "train/rbc-convnet", "evaluate/rbc/convnet"}),
        ("experiments/registry/champions.py", {"register/rbc"}),
    ],
)
def test_a_change_of_a_module_changes_the_lists_of_what_runs_it(module: str, reruns: set[str]) -> None:
    assert reruns <= holding(module)


def test_an_architecture_leaves_the_others_alone() -> None:
    assert {architecture_of(name) for name in holding("architectures/unet.py")} == {"unet", "unet_pair"}
    assert {architecture_of(name) for name in holding("architectures/watershed.py")} == {"watershed"}
    assert not any(name.startswith(("simulate", "prepare")) for name in holding("architectures/"))


@pytest.mark.parametrize(("task", "kind"), TASKS.items())
def test_the_code_of_one_task_leaves_the_others_alone(task: str, kind: str) -> None:
    own = {name for name in lists() if task_of(name) == task and not name.startswith(("simulate", "prepare"))}
    assert holding(f"tasks/{kind}/") == holding(f"metrics/{kind}.py") == own
    assert holding(f"simulate/{task}/") == {f"simulate/{task}"}
    settings = params.SETTINGS[kind].__name__
    assert {name for name, content in lists().items() if settings in content["sections"]} == own | {f"prepare/{task}"}


def test_what_localises_beads_is_no_part_of_other_tasks() -> None:
    assert {task_of(name) for name in holding("beads/") if not name.endswith("correlation")} == {"beads"}


def test_what_a_key_of_params_means_when_it_is_left_out_is_listed() -> None:
    assert {"Training", "Model", "UNetPair", "Section"} <= lists()["train/bacteria-pair"]["sections"].keys()
    assert {"BeadsSimulation", "BeadsAppearance"} <= lists()["simulate/beads"]["sections"].keys()
    assert {"Dataset", "TrackingSettings", "TaskSettings"} <= lists()["prepare/beads"]["sections"].keys()
    assert "Ensemble" in lists()["ensemble/beads-ensemble"]["sections"]
    with_unet = {architecture_of(name) for name, content in lists().items() if "UNet" in content["sections"]}
    assert with_unet == {"unet"}


def test_a_list_changes_with_the_text_of_a_module(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_bytes(b"a = 1\nb = 2\n")
    (tmp_path / "same.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    before = code._digest_of_file(file)
    assert code._digest_of_file(tmp_path / "same.py") == before
    code._digest_of_file.cache_clear()
    file.write_bytes(b"a = 1\nb = 3\n")
    assert code._digest_of_file(file) != before


# --- the command ------------------------------------------------------------------------------------------------------


def test_there_is_a_list_for_every_entry_of_params(project: Path) -> None:
    code.run()
    own = params.load()
    needed = {f"simulate/{entry.simulator}" for entry in own.simulations.values()}
    needed |= {f"prepare/{entry.task}" for entry in own.datasets.values()}
    needed |= {f"evaluate/{model.task}/{model.network.architecture}" for model in own.models.values()}
    needed |= {f"train/{name}" for name in own.models} | {f"ensemble/{name}" for name in own.ensembles}
    needed |= {f"register/{name}" for name in own.tasks}
    written = {path.relative_to(layout.CODE).with_suffix("").as_posix() for path in layout.CODE.rglob("*.json")}
    assert needed <= written
    unet = json.loads((layout.CODE / "train/beads-unet.json").read_text())
    assert unet["modules"] == lists()["train/beads-unet"]["modules"]


def test_a_task_without_an_ensemble_has_the_folder_on_which_register_depends(project: Path) -> None:
    content = tiny.tiny_params()
    content["ensembles"].clear()
    tiny.write_params(project / params.PARAMS, content)
    code.run()
    assert {path.name for path in layout.ensembles("X").parent.iterdir()} == {*content["tasks"]}


def test_the_values_of_models_and_ensembles_are_in_their_lists() -> None:
    def other_than_own(*changes: str) -> set[str]:
        """The lists that differ where params.yaml has other values, such as ``ensembles.beads-ensemble.max_members 1``."""
        content = tiny.full_content()
        for change in changes:
            path, value = change.split(" ")
            *sections, key = path.split(".")
            section = content
            for name in sections:
                section = section[name]
            section[key] = json.loads(value)
        found = {path.as_posix().removesuffix(".json"): each for path, each in code.lists(params.parse(content))}
        return {name for name in found if found[name] != lists()[name]}

    assert other_than_own("models.rbc-compact.training.learning_rate 0.1") == {"train/rbc-compact"}
    assert other_than_own("ensembles.beads-ensemble.max_members 1") == {"ensemble/beads-ensemble"}
    assert other_than_own("compute.threads 3") == {f"train/{name}" for name in OWN.models}


def test_a_task_is_registered_anew_when_its_gate_changes() -> None:
    changed = OWN.model_copy(update={"gates": {"rbc": params.Gate(margin=0.01)}})
    found = {path.as_posix(): content for path, content in code.lists(changed)}
    assert found["register/rbc.json"]["gate"]["margin"] == 0.01
    assert "Gate" in found["register/rbc.json"]["sections"]
    assert lists()["register/rbc"]["gate"]["margin"] == 0.0


def test_an_ensemble_is_chosen_anew_when_one_of_its_models_is_no_entry_any_more() -> None:
    content = tiny.full_content()
    del content["models"]["rbc-compact"]
    found = {path.as_posix().removesuffix(".json"): each for path, each in code.lists(params.parse(content))}
    assert {name for name in found if found[name] != lists()[name]} == {"ensemble/rbc-ensemble"}


def test_a_training_that_begins_with_a_starter_is_another_with_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun() -> dict[str, Any]:
        return {
            path.stem: content.get("starter")
            for path, content in code.lists(OWN)
            if path.parts[0] == "train" and path.stem.startswith("bacteria")
        }

    monkeypatch.setattr(layout, "STARTERS", tmp_path)
    assert set(begun().values()) == {None}  # a clone without: the training says what is missing
    found = []
    for number in range(2):
        code._digest_of_file.cache_clear()
        (tmp_path / "bacteria").mkdir(exist_ok=True)
        (tmp_path / "bacteria" / layout.BUNDLE).write_text(json.dumps({"sha256": number}))
        found.append(begun())
    for name, model in OWN.models.items():
        if model.task == "bacteria":
            begins = model.training is not None and model.training.init_from == layout.STARTER
            assert (found[0][name] is not None) == (found[0][name] != found[1][name]) == begins
    assert found[0]["bacteria-tuned"]
