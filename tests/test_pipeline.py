"""The pipeline as a user runs it: DVC, in a temporary copy of the project with small numbers, from nothing to champions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

import tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

BIN = Path(sys.executable).parent
WITHOUT = "denoise-ensemble"  # not every task has an ensemble
RUNNING = re.compile(r"Running stage '([^']+)'")


def run(folder: Path, *command: str) -> str:
    """Run a command in a copy of the project; its code is the copy's own."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(folder / "src"), "GIT_CONFIG_GLOBAL": os.devnull}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def commit(folder: Path) -> None:
    """Commit everything, as DVC's experiments ask."""
    run(folder, "git", "add", "--all")
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    run(folder, "git", *author, "commit", "--quiet", "--allow-empty", "--message", "state")


def copy_of_the_project(folder: Path) -> Path:
    """The files git knows or would know, as a repository of its own, with small numbers in params.yaml and an ensemble less."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=tiny.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (tiny.REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tiny.REPOSITORY / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    content = tiny.tiny_params()
    del content["ensembles"][WITHOUT]
    tiny.write_params(folder / "params.yaml", content)
    run(folder, "git", "init", "--quiet")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy in which ``dvc repro`` has run once."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("project"))
    run(folder, "dvc", "repro")
    commit(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def sections(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    """What params.yaml of a copy holds."""
    content: dict[str, dict[str, dict[str, object]]] = YAML(typ="safe").load(folder / "params.yaml")
    return content


def stages(folder: Path) -> int:
    """How many stages dvc.yaml makes of the entries of params.yaml."""
    count = {name: len(entries) for name, entries in sections(folder).items()}
    of_entries = sum(count[name] for name in ("simulations", "datasets", "ensembles", "tasks")) + 2 * count["models"]
    return 1 + of_entries  # with the lists of code


def change(folder: Path, model: str, rate: float) -> None:
    """Give a model another learning rate, in the text of params.yaml."""
    path = folder / "params.yaml"
    before, rest = path.read_text(encoding="utf-8").split(f"\n  {model}:\n", 1)
    rest = re.sub(r"learning_rate: \S+", f"learning_rate: {rate}", rest, count=1)
    path.write_text(f"{before}\n  {model}:\n{rest}", encoding="utf-8")


def test_every_task_has_a_champion_and_every_model_a_report(project: Path) -> None:
    content = sections(project)
    for task in content["tasks"]:
        registered = json.loads((project / "registry" / f"{task}.json").read_text())
        assert registered["moved"]
        assert registered["champion"]["model"] in {**content["models"], **content["ensembles"]}
        assert registered["champion"]["model"] in run(project, "brightfield", "champions")
        assert f"{registered['champion']['model']} (version" in run(project, "brightfield", "champions", "--why")
        assert "the best here" in run(project, "brightfield", "leaderboard", task)
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        cards = [text for (text,) in database.execute("SELECT description FROM model_versions")]
    assert len(cards) >= len(content["tasks"])
    assert all(text.startswith("# ") and "## How good it is" in text for text in cards)
    for name in {**content["models"], **content["ensembles"]}:
        metrics = json.loads((project / "reports" / name / "metrics.json").read_text())
        assert metrics["data_hash"].endswith(".dir")
        assert all({"value", "low", "high"} == set(metric) for metric in metrics["test"].values())


def test_a_second_repro_runs_nothing_and_costs_what_dvc_costs(project: Path, tmp_path: Path) -> None:
    assert not RUNNING.findall(run(project, "dvc", "repro"))
    trivial = {
        f"stage{i}": {"cmd": f"echo {i} > {i}", "deps": ["dep"], "outs": [str(i)]} for i in range(stages(project))
    }
    (tmp_path / "dep").write_text("x")
    YAML().dump({"stages": trivial}, tmp_path / "dvc.yaml")
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    run(tmp_path, "dvc", "repro")

    def seconds(folder: Path) -> float:
        """Of processor time, which other processes on the machine do not stretch."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(folder, "dvc", "repro")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = np.array([(seconds(project), seconds(tmp_path)) for _ in range(5)])
    ratio = pairs[:, 0].sum() / pairs[:, 1].sum()
    print(f"up-to-date repro: {ratio:.2f} times that of {len(trivial)} trivial stages ({pairs.round(2).tolist()})")
    # The aim is 1.5, and 1.44 to 1.73 was measured on a busy machine. What is left: a stage here has two to four outputs and up to
    # five dependencies, most of them folders; a trivial one has one of each, a file
    assert ratio <= 2.0


def test_another_learning_rate_reruns_that_model_and_what_depends_on_it(project: Path) -> None:
    change(project, "rbc-compact", 0.0017)
    ran = set(RUNNING.findall(run(project, "dvc", "repro")))
    assert ran == {"code", "train@rbc-compact", "evaluate@rbc-compact", "ensemble@rbc-ensemble", "register@rbc"}


def changed_stages(folder: Path) -> set[str]:
    """The stages that are out of date by their own dependencies."""
    listed = run(folder, "dvc", "status").splitlines()
    return {line.rstrip(":") for line in listed if line.endswith(":") and not line.startswith(("\t", " "))}


@pytest.mark.parametrize(
    ("file", "entries", "examples"),
    [
        ("tasks/tracking/__init__.py", {"beads"}, {"train@beads-unet", "evaluate@beads-unet", "register@beads"}),
        ("beads/localisation/refining.py", {"beads"}, {"train@beads-correlation", "ensemble@beads-ensemble"}),
        ("architectures/unet.py", {"beads", "bacteria", "denoise"}, {"train@bacteria-pair", "evaluate@bacteria-pair"}),
        ("architectures/denoiser.py", {"denoise"}, {"train@denoise-nlm", "train@denoise-tv", "train@denoise-wavelet"}),
    ],
)
def test_a_change_of_code_reruns_what_runs_it(file: str, entries: set[str], examples: set[str], project: Path) -> None:
    with (project / "src/brightfield" / file).open("a", encoding="utf-8") as text:
        text.write("# changed\n")
    try:
        assert changed_stages(project) == {"code"}
        run(project, "dvc", "repro", "code")
        changed = changed_stages(project)
    finally:
        run(project, "git", "checkout", "--quiet", "src")
        run(project, "dvc", "repro", "code")
    assert changed >= examples
    assert {stage.partition("@")[2].partition("-")[0] for stage in changed} == entries
    assert not changed_stages(project)  # all is as it was


def test_what_is_asked_of_images_is_kept_with_them(project: Path) -> None:
    path = project / "params.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("keep: 0.95", "keep: 0.9"), encoding="utf-8")
    run(project, "dvc", "repro", "code")
    changed = changed_stages(project)
    path.write_text(before, encoding="utf-8")
    run(project, "dvc", "repro", "code")
    assert changed == {"prepare@rbc"}
    kept = json.loads((project / "data/prepared/rbc/settings.json").read_text())
    assert kept["keep"] == 0.95  # so other settings make other data, and all that was made from it is made again


def test_no_stage_begins_with_a_long_list_of_values(project: Path) -> None:
    commands = [stage["cmd"] for stage in YAML().load(project / "dvc.lock")["stages"].values()]
    assert len(commands) == stages(project)
    assert max(map(len, commands)) < 100


def test_an_experiment_on_a_parameter_runs_in_place(project: Path) -> None:
    commit(project)
    out = run(project, "dvc", "exp", "run", "-S", "models.denoise-unet.training.learning_rate=0.0021")
    assert set(RUNNING.findall(out)) >= {"train@denoise-unet", "evaluate@denoise-unet"}
    assert not any("bacteria" in stage for stage in RUNNING.findall(out))
    assert "train@denoise-unet" in run(project, "dvc", "dag")


def test_dvc_compares_scores_curves_and_confusion_matrices(project: Path) -> None:
    """Of the experiment before this, which is in place, with what was committed before it."""
    diff = json.loads(run(project, "dvc", "metrics", "diff", "--json"))
    assert diff["scores/denoise-unet.json"].keys() <= {"psnr_db", "psnr_db_low", "psnr_db_high"}
    assert diff["scores/denoise-unet.json"]["psnr_db"]["diff"] != 0
    assert not any("bacteria" in path for path in diff)
    shown = next(iter(json.loads(run(project, "dvc", "metrics", "show", "--json")).values()))["data"]
    content = sections(project)
    assert {Path(path).stem for path in shown} == {*content["models"], *content["ensembles"]}
    plots = json.loads(run(project, "dvc", "plots", "diff", "HEAD", "--json"))["data"]
    for path in ("curves/denoise-unet.csv", "confusions/rbc-compact.csv", "confusions/bacteria-pair.csv"):
        (plot,) = plots[path]
        assert set(plot["revisions"]) == {"HEAD", "workspace"}
    assert plots["curves/rbc-features.csv"] == []  # a baseline has no epochs


def test_an_experiment_in_a_temporary_folder_is_in_the_projects_own_database(project: Path) -> None:
    commit(project)
    out = run(
        project, "dvc", "exp", "run", "--temp", "-n", "faster", "-S", "models.rbc-compact.training.learning_rate=0.0042"
    )
    assert set(RUNNING.findall(out)) == {
        "code",
        "train@rbc-compact",
        "evaluate@rbc-compact",
        "ensemble@rbc-ensemble",
        "register@rbc",
    }
    assert not list((project / ".dvc/tmp").rglob("mlflow.db*"))
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        query = (
            "select runs.run_uuid, status, artifact_uri from runs join params on params.run_uuid = runs.run_uuid "
            "where key = 'model.training.learning_rate' and value = '0.0042'"
        )
        ((run_id, status, artifacts),) = database.execute(query).fetchall()
        scored = database.execute(
            "select count(*) from latest_metrics where run_uuid = ? and key = 'test_auc'", [run_id]
        )
        assert scored.fetchone() == (1,)
    assert status == "FINISHED"
    assert Path(artifacts.removeprefix("file://")) == project / "mlartifacts/rbc" / run_id / "artifacts"
    assert (project / "mlartifacts/rbc" / run_id / "artifacts/evaluation/metrics.json").is_file()
    run(project, "dvc", "exp", "apply", "faster")
    assert not RUNNING.findall(run(project, "dvc", "repro"))  # up to date, and MLflow knows it
    assert json.loads((project / "models/rbc/rbc-compact/run.json").read_text())["run_id"] == run_id


def test_training_again_gives_the_same_metrics_to_the_last_digit(project: Path) -> None:
    def digests() -> dict[str, str]:
        files = [project / "reports/beads-unet/metrics.json", project / "models/beads/beads-unet/weights.safetensors"]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = digests()
    targets = ("train@beads-unet", "evaluate@beads-unet")
    out = run(project, "dvc", "repro", "--force", "--single-item", "--no-run-cache", *targets)
    assert set(RUNNING.findall(out)) == set(targets)
    assert digests() == before


def test_data_travel_through_a_folder_remote(project: Path, tmp_path: Path) -> None:
    run(project, "dvc", "remote", "add", "--default", "--force", "folder", str(tmp_path / "remote"))
    commit(project)
    run(project, "dvc", "push")
    run(tmp_path, "git", "clone", "--quiet", str(project), "clone")
    run(tmp_path / "clone", "dvc", "pull")

    def contents(folder: Path) -> dict[str, str]:
        files = [path for path in sorted((folder / "data").rglob("*")) if path.suffix in (".h5", ".csv", ".json")]
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert contents(tmp_path / "clone") == contents(project)
    assert len(contents(project)) >= 4 * 7


def test_an_ensemble_by_hand_is_built_scored_and_registered(project: Path) -> None:
    """As the page Ensembles does it, where changes are allowed."""
    code = (
        f"import sys; sys.path.insert(0, {str(project / 'dashboard')!r}); from queries import mixing; "
        "weights = tuple((name, 1.0 + i) for i, name in enumerate(mixing.able('denoise')[:2])); "
        "mixing.save('denoise-by-hand', mixing.entry('denoise', weights, 'mean')); "
        "print(*mixing.build('denoise-by-hand', 'denoise'), sep='; ')"
    )
    out = run(project, sys.executable, "-c", code)
    assert re.search(r"It is version \d+ of denoise in the registry", out)
    report = json.loads((project / "reports/denoise-by-hand/ensemble.json").read_text())
    assert report["method"] == "given"
    assert sorted(report["weights"].values()) == pytest.approx([1 / 3, 2 / 3])
    assert "denoise-by-hand" in run(project, "brightfield", "versions", "denoise")


def test_a_lost_database_is_filled_again(project: Path) -> None:
    run(project, "dvc", "repro")  # whatever the tests before have changed
    for path in project.glob("mlflow.db*"):
        path.unlink()
    out = run(project, "brightfield", "sync")
    assert "none yet" not in out
    assert not RUNNING.findall(run(project, "dvc", "repro"))
