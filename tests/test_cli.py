"""The command line: one clear message and an exit code for whatever a user can mend."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import tiny
from brightfield import cli, layout, params
from brightfield.data import store
from brightfield.errors import BrightfieldError
from scored import crops, write_report
from trained import write_starter

Call = Callable[..., tuple[int, str, str]]
STAGES = ["simulate", "prepare", "train", "evaluate", "ensemble", "register"]


def commands(group: typer.core.TyperGroup, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All commands and groups of commands."""
    found: list[tuple[str, ...]] = [before]
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            found += commands(command, (*before, name))
        else:
            found.append((*before, name))
    return found


APP = typer.main.get_command(cli.app)
assert isinstance(APP, typer.core.TyperGroup)
COMMANDS = commands(APP)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """``call("train", "x")``: exit code, output and errors, as the console script gives them."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["brightfield", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        code = stopped.value.code
        return code if isinstance(code, int) else int(code is not None), said.out, said.err

    return run


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...], call: Call) -> None:
    code, out, err = call(*command, "--help")
    assert (code, err) == (0, "")
    assert "Usage: " in out
    described = out.split("\n\n", 1)[1].strip()
    assert len(described.splitlines()[0]) > 15


def test_the_stages_of_the_pipeline_are_commands() -> None:
    assert {(stage,) for stage in STAGES} <= set(COMMANDS)
    assert {("import",), ("predict",), ("tune",), ("adopt",)} <= set(COMMANDS)


@pytest.mark.parametrize("arguments", [("trian", "x"), ("train",), ("train", "a", "b"), ("evaluate", "--colour", "x")])
def test_a_command_that_is_not_understood_is_a_usage_error(arguments: tuple[str, ...], call: Call) -> None:
    code, _, err = call(*arguments)
    assert code == 2
    assert err.startswith("Usage: ")
    assert "\nError: " in err
    assert "Traceback" not in err


NEAR = {
    "simulate": ("rcb", "There is no simulation 'rcb'. Did you mean 'rbc'? Known: bacteria, beads, denoise, rbc."),
    "prepare": ("rcb", "There is no dataset 'rcb'. Did you mean 'rbc'?"),
    "train": ("rbc-convnett", "There is no model 'rbc-convnett'. Did you mean 'rbc-convnet'?"),
    "evaluate": ("rbc-convnett", "There is no model 'rbc-convnett'. Did you mean 'rbc-convnet'?"),
    "ensemble": ("rbc-ensembl", "There is no ensemble 'rbc-ensembl'. Did you mean 'rbc-ensemble'?"),
    "register": ("rcb", "There is no task 'rcb'. Did you mean 'rbc'?"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_an_unknown_name_is_one_message_with_the_names_there_are(stage: str, project: Path, call: Call) -> None:
    name, message = NEAR[stage]
    code, out, err = call(stage, name)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in project.iterdir()) == ["params.yaml"]


MISSING = {
    "prepare": ("rbc", "There is no dataset in data/raw/rbc: index.csv is missing."),
    "train": ("rbc-convnet", "There is no dataset in data/prepared/rbc: index.csv is missing."),
    "evaluate": ("rbc-convnet", "There is no trained model in models/rbc/rbc-convnet: bundle.json is missing."),
    "register": ("rbc", "rbc-features was not evaluated yet"),
}


@pytest.mark.parametrize("stage", MISSING)
def test_what_an_earlier_stage_did_not_make_is_named(stage: str, project: Path, call: Call) -> None:
    name, message = MISSING[stage]
    code, _, err = call(stage, name)
    assert code == 1
    assert err.startswith(f"error: {message}")
    assert "dvc repro" in err
    assert "Traceback" not in err
    assert not list(project.rglob("*.partial"))


@pytest.mark.parametrize("stage", STAGES)
def test_outside_of_a_project_the_folder_is_named(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(stage, "x")
    assert code == 1
    assert err == f"error: There is no params.yaml here ({tmp_path}). Run this from the project's top folder.\n"


def test_a_mistake_in_params_is_told_with_its_path(project: Path, call: Call) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("  threads: 1", "  thread: 1"))
    code, _, err = call("simulate", "rbc")
    assert code == 1
    assert err.splitlines() == [
        "error: params.yaml is not valid:",
        "  compute.thread: unknown key. Did you mean 'threads'? Allowed: device, precision, threads, workers.",
    ]


def test_a_traceback_is_shown_only_when_asked_for(project: Path, call: Call) -> None:
    del project
    code, _, err = call("--debug", "simulate", "nothing")
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("error: There is no simulation 'nothing'.")
    code, _, err = call("simulate", "nothing")
    assert code == 1
    assert "Traceback" not in err


def test_what_is_not_the_users_to_mend_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from brightfield.stages import simulate

    def fail(name: str) -> None:
        raise ZeroDivisionError(name)

    monkeypatch.setattr(simulate, "run", fail)
    monkeypatch.setattr(sys, "argv", ["brightfield", "simulate", "x"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_simulate_and_prepare_fill_their_folders(project: Path, call: Call) -> None:
    for stage in ("simulate", "prepare"):
        code, _, err = call(stage, "denoise")
        assert code == 0, err
    names = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
    raw, prepared = layout.raw("denoise").as_posix(), layout.prepared("denoise").as_posix()
    suites = params.load().simulations["denoise"].suites
    splits = [f"{name}.h5" for name in ("train", "validation", "test", *suites)]
    assert names == {
        "params.yaml",
        *(f"{raw}/{name}" for name in ("images.h5", "index.csv", "about.json")),
        *(
            f"{prepared}/{name}"
            for name in (*splits, "index.csv", "audit.json", "coverage.csv", "coverage.json", "settings.json")
        ),
    }
    index = store.read_index(layout.prepared("denoise"))
    assert (index.loc[index["suite"].notna(), "suite"] == index.loc[index["suite"].notna(), "split"]).all()
    assert set(index.loc[index["suite"].isna(), "split"]) == {"train", "validation", "test"}


def test_a_stage_that_fails_keeps_what_was_there(project: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    call("simulate", "denoise")
    before = {path.name: path.read_bytes() for path in (project / "data/raw/denoise").iterdir()}

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("brightfield.data.store.write_images", full)
    code, _, err = call("simulate", "denoise")
    assert code == 1
    assert err == "error: data/raw/denoise could not be written: No space left on device. Nothing was kept.\n"
    assert {path.name: path.read_bytes() for path in (project / "data/raw/denoise").iterdir()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Give either --out"),
        (("-o", "a", "--sort", "b"), "Give either --out"),
        (("-o", "a", "--sure", "0.8"), "--sure belongs to --sort"),
        (("--sort", "a", "--sure", "1.5"), "less than or equal to 1"),
        (("--sort", "a", "--fluorescence", "b"), "--fluorescence belongs to --out"),
    ],
)
def test_predict_takes_a_folder_for_answers_or_one_for_sorted_copies(
    project: Path, call: Call, options: tuple[str, ...], message: str
) -> None:
    code, _, err = call("predict", "rbc", "crops", *options)
    assert code == 2
    assert message in err
    assert sorted(path.name for path in project.iterdir()) == ["params.yaml"]


def test_predict_hands_over_what_sorts(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    from brightfield.prediction import sorting

    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(sorting, "sort", lambda *given, **options: asked.append((*given, options)) or "sorted")
    given = {"reference": "champion", "overwrite": False}
    assert call("predict", "rbc", "a", "b", "--sort", "out") == (0, "sorted\n", "")
    assert call("predict", "rbc", "a", "--sort", "out", "--sure", "0.8", "--overwrite")[0] == 0
    assert asked == [
        ("rbc", [Path("a"), Path("b")], Path("out"), given),
        ("rbc", [Path("a")], Path("out"), {**given, "overwrite": True, "sure": 0.8}),
    ]


def test_a_profile_is_shown_and_chosen(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(tiny.REPOSITORY / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, err = call("profile")
    assert (code, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["* default", "  combined", "  full", "  vgg16"]
    code, out, _ = call("profile", "full")
    assert (code, out.splitlines()) == (0, ["params.yaml has the profile full. `dvc repro` runs what that changed."])
    assert params.load() == tiny.full_params()
    assert [line[0] for line in call("profile")[1].splitlines()] == [" ", " ", "*", " "]
    code, out, err = call("profile", "fast")
    assert (code, out) == (1, "")
    assert "There is no profile 'fast': expected default, combined, full, vgg16." in err
    text = Path("params.yaml").read_text().replace("epochs: 20", "epochs: 21", 1)
    Path("params.yaml").write_text(text)
    code, out, _ = call("profile", "default")
    assert code == 0
    assert out.startswith("warning: models.rbc-convnet.training.epochs is 21 in params.yaml")


@pytest.mark.usefixtures("starters_folder")
def test_versions_lists_what_a_training_can_begin_with(call: Call) -> None:
    code, out, err = call("versions", "bacteria")
    assert (code, out) == (1, "")
    assert "Nothing was trained for task 'bacteria' yet" in err
    write_starter("segmentation")
    code, out, err = call("versions", "bacteria")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].startswith("starter")
    assert "init_from: starter" in out


@pytest.mark.usefixtures("project")
def test_models_are_compared_and_the_numbers_kept(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brightfield.evaluation import peers, reports

    names = [name for name, model in params.load().models.items() if model.task == "rbc"][:2]
    for i, name in enumerate(names):
        write_report(name, crops(dict.fromkeys(("validation", "test", "focus"), 0.4 + i), i))
    code, out, err = call("compare", *names, "--out", str(tmp_path / "all.csv"))
    assert (code, err) == (0, "")
    said = out.splitlines()
    assert said[1] == f"rbc, test: {names[1]} against {names[0]}"
    assert next(line for line in said if line.startswith("AUC ")).split()[-1] == "100%"
    assert any(line.startswith("AUC, by suite") for line in said)
    assert any(line.startswith("answered correctly, by kind") for line in said)
    assert f"AUC: {names[1]} is better on test" in out
    parts = (tmp_path / "all.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in parts[1:]} == {"test", "focus", "burr", "normal"}
    code, out, _ = call("compare", *names, "--suite", "focus")
    assert (code, "by suite" in out, f"rbc, focus: {names[1]}" in out) == (0, False, True)
    asked = []
    monkeypatch.setattr(peers, "scored", lambda *given: asked.append(given[:3]) or reports.read(names[1], given[3]))
    code, out, _ = call("compare", names[0], "--with", "otsu=run {images} {answers}")
    assert (code, asked) == (0, [("otsu", "run {images} {answers}", "rbc")])
    assert call("compare", *names, "--suite", "none", "--out", "x.csv")[0] == 1
    assert not Path("x.csv").exists()
    code, out, err = call("leaderboard", "rbc")
    assert (code, err) == (0, "")
    assert out.splitlines()[3].split()[0] == names[1]
    code, out, err = call("compare", names[0], "elsewhere")
    assert (code, out) == (1, "")
    assert "There is no model or ensemble 'elsewhere'" in err


@pytest.mark.parametrize(("moved", "code"), [(True, 0), (False, 3)])
def test_a_promotion_says_what_was_checked_and_a_refusal_has_a_code_of_its_own(
    call: Call, monkeypatch: pytest.MonkeyPatch, project: Path, moved: bool, code: int
) -> None:
    from brightfield.evaluation import promotion
    from brightfield.experiments.registry import Version

    asked = []

    def promote(settings: params.Params, task: str, reference: str, *, force: str | None) -> promotion.Decision:
        asked.append((task, reference, force))
        checks = [{"passed": True, "said": "AUC 0.9."}, {"passed": moved, "said": "Suite focus: AUC 0.8."}]
        champion = Version(task, 2, "rbc-convnet", "member", "run", "hash", None, None)
        return promotion.Decision(champion, moved, "why", {"checks": checks, "candidate": "rbc-new", "version": 7})

    monkeypatch.setattr(promotion, "promote", promote)
    found, out, err = call("promote", "rbc")
    assert (found, err, asked) == (code, "", [("rbc", "challenger", None)])
    assert out.splitlines() == [
        "rbc: rbc-new (version 7) is champion now"
        if moved
        else "rbc: rbc-new (version 7) is refused, champion is rbc-convnet (version 2) still",
        "  yes  AUC 0.9.",
        f"  {'yes' if moved else 'NO '}  Suite focus: AUC 0.8.",
    ]
    call("promote", "rbc", "7", "--force", "new lamp")
    assert asked[-1] == ("rbc", "7", "new lamp")


def test_tracks_passes_on_what_was_said(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from brightfield.beads import physics

    asked: list[tuple[Path, Path, physics.Settings, bool]] = []
    monkeypatch.setattr(
        physics, "tracks", lambda path, out, chosen, overwrite: asked.append((path, out, chosen, overwrite)) or "done"
    )
    usual = ("tracks", "p.csv", "--out", "o", "--frame-rate", "50", "--pixel-size", "0.1")
    assert call(*usual) == (0, "done\n", "")
    more = (
        "--exposure",
        "0.01",
        "--max-step",
        "5",
        "--memory",
        "2",
        "--shortest",
        "4",
        "--reference",
        "3, 7",
        "--no-drift",
    )
    physical = (
        "--temperature",
        "37",
        "--viscosity",
        "0.7",
        "--radius",
        "0.5",
        "--lowest",
        "1",
        "--trust-errors",
        "--overwrite",
    )
    assert call(*usual, *more, *physical)[0] == 0
    (path, out, plain, replace), (_, _, full, replaced) = asked
    assert (path, out, replace, replaced) == (Path("p.csv"), Path("o"), False, True)
    assert plain == physics.Settings(physics.Sampling(50), 0.1)
    assert full == physics.Settings(
        physics.Sampling(50, 0.01), 0.1, physics.Conditions(37, 0.7, 0.5), 5, 2, 4, [3, 7], False, 1.0, 1.0, True
    )
    for wrong, told in (
        (("--reference", "3;7"), "takes particles such as 3,7"),
        (("--exposure", "0.03"), "at most a frame, 0.02 s"),
        (("--max-step", "0"), "above 0"),
    ):
        code, _, err = call(*usual, *wrong)
        assert code == 2
        assert told in " ".join(err.split())
    code, _, err = call(*usual, "--radius", "0")
    assert (code, err) == (1, "error: The radius is 0: expected a number above 0.\n")


def test_tracks_names_what_it_took_from_the_table(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from brightfield.beads import physics

    monkeypatch.setattr(physics, "tracks", lambda *_, **__: "done")
    (tmp_path / "p.csv").write_text("frame,x,y,time_s,pixel_size_um\n0,1,1,0,0.1\n1,1,1,0.02,0.1\n")
    rate, size = (
        "Frame rate: 50 Hz, as the table states (column time_s).\n",
        "Pixel size: 0.1 um, as the table states (column pixel_size_um).\n",
    )
    usual = ("tracks", str(tmp_path / "p.csv"), "--out", "o")
    assert call(*usual) == (0, f"done\n{rate}{size}", "")
    assert call(*usual, "--pixel-size", "0.2") == (0, f"done\n{rate}", "")


def test_the_console_script_starts_without_waiting_for_torch() -> None:
    heavy = ["torch", "mlflow", "pandas", "scipy", "skimage", "sklearn", "matplotlib", "optuna"]
    code = f"import sys, brightfield.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    script = shutil.which("brightfield", path=str(Path(sys.executable).parent))
    assert script is not None
    done = subprocess.run([script, "train"], capture_output=True, text=True, check=False, cwd=tiny.REPOSITORY)
    assert done.returncode == 2
    assert "Missing argument 'NAME'" in done.stderr


def test_the_error_is_one_that_code_can_catch() -> None:
    assert issubclass(BrightfieldError, Exception)
    assert not issubclass(BrightfieldError, ValueError)  # which would hide mistakes of our own
