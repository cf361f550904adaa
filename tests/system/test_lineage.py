"""Commit, dirtiness and DVC hashes, from real git repositories and from files as DVC writes them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brightfield.errors import BrightfieldError
from brightfield.system.lineage import DatasetRef, Lineage, collect, data_hash

STAGE = """\
  train@model{i}:
    cmd: brightfield train model{i}
    deps:
    - path: data/prepared/set{i}
      hash: md5
      md5: {wrong:032x}.dir
      size: 4
      nfiles: 1
    params:
      params.yaml:
        models.model{i}:
          task: rbc
          network: {{architecture: convnet, filters: [32, 64]}}
          training:
            epochs: 10
            learning_rate: 0.001
    outs:
    - path: models/rbc/model{i}
      hash: md5
      md5: {model:032x}.dir
      size: 4
      nfiles: 3
  prepare@set{i}:
    cmd: brightfield prepare set{i}
    outs:
    - path: data/audits/set{i}.json
      hash: md5
      md5: {file:032x}
      size: 4
    - path: data/prepared/set{i}
      hash: md5
      md5: {data:032x}.dir
      size: 4
      nfiles: 4
"""


def lock(count: int) -> str:
    stages = (STAGE.format(i=i, wrong=900 + i, model=100 + i, file=300 + i, data=200 + i) for i in range(count))
    return "schema: '2.0'\nstages:\n" + "".join(stages)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1\n")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_clean_checkout(repository: Path) -> None:
    found = collect(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.dirty is False
    assert found.branch == "main"


def test_a_changed_file_is_dirty_also_seen_from_a_folder_below(repository: Path) -> None:
    (repository / "below").mkdir()
    (repository / "code.py").write_text("a = 2\n")
    assert collect(repository / "below").dirty is True


def test_a_staged_file_is_dirty(repository: Path) -> None:
    (repository / "new.py").write_text("a = 2\n")
    assert collect(repository).dirty is False
    git(repository, "add", "new.py")
    assert collect(repository).dirty is True


def test_what_the_running_pipeline_writes_into_its_lock_is_not_dirt(repository: Path) -> None:
    (repository / "dvc.lock").write_text(lock(1))
    assert collect(repository).dirty is False


def test_a_detached_head_has_a_commit_and_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--detach")
    found = collect(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.branch is None


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    found = collect(tmp_path)
    assert (found.commit, found.dirty, found.branch) == (None, None, "main")


def test_outside_a_repository(tmp_path: Path) -> None:
    found = collect(tmp_path)
    assert (found.commit, found.dirty, found.branch) == (None, None, None)
    assert found.packages["numpy"]
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert collect(repository).commit is None


def test_the_caller_knows_the_device(tmp_path: Path) -> None:
    assert collect(tmp_path, device="GPU 7").device == "GPU 7"
    assert collect(tmp_path).device


def test_lineage_and_dataset_survive_json(repository: Path) -> None:
    found = collect(repository)
    assert Lineage.from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert Lineage.from_dict({}).commit is None
    dataset = DatasetRef("rbc", "data/prepared/rbc", None, "train")
    assert DatasetRef.from_dict(json.loads(json.dumps(dataset.as_dict()))) == dataset


def test_the_hash_of_an_output_not_of_a_dependency(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(lock(12))
    assert data_hash(Path("data/prepared/set1"), tmp_path) == f"{201:032x}.dir"  # and not that of set11
    assert data_hash(tmp_path / "data/prepared/set11", tmp_path) == f"{211:032x}.dir"
    assert data_hash(Path("models/rbc/model3"), tmp_path) == f"{103:032x}.dir"
    assert data_hash(Path("data/audits/set3.json"), tmp_path) == f"{303:032x}"


def test_the_hash_of_an_import(tmp_path: Path) -> None:
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/mine.dvc").write_text("outs:\n- md5: 978ca456.dir\n  size: 2\n  hash: md5\n  path: mine\n")
    assert data_hash(Path("data/raw/mine"), tmp_path) == "978ca456.dir"


def test_what_dvc_does_not_track_has_no_hash(tmp_path: Path) -> None:
    assert data_hash(Path("data/prepared/set1"), tmp_path) is None
    (tmp_path / "dvc.lock").write_text(lock(2))
    assert data_hash(Path("data/prepared/set"), tmp_path) is None
    assert data_hash(Path("../elsewhere"), tmp_path) is None


def test_a_damaged_pointer_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.dvc").write_text("outs:\n<<<<<<< HEAD\n- md5: [\n")
    with pytest.raises(BrightfieldError, match="mine.dvc is not readable as YAML"):
        data_hash(Path("mine"), tmp_path)


def test_a_lock_of_sixty_stages_is_read_quickly(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(lock(30))
    start = time.perf_counter()
    assert data_hash(Path("data/prepared/set29"), tmp_path) == f"{229:032x}.dir"
    assert time.perf_counter() - start < 0.2


def test_neither_dvc_nor_mlflow_nor_torch_is_imported() -> None:
    heavy = "{'dvc', 'mlflow', 'torch', 'pandas'}"
    command = f"import sys, brightfield.system.lineage as l; l.collect(); print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
