"""What comes back from the registry: whole bundles, unchanged, and the reports of their runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry, runs
from published import LINEAGE, bundle, publish


def test_fetch(tmp_path: Path) -> None:
    source = bundle(tmp_path / "small")
    bundle(source / "members/a", weights=b"member")
    version = publish("fetch", source)
    registry.promote("fetch", version, {})
    folder = registry.fetch("fetch", "champion", tmp_path / "fetched")
    assert folder.parent == tmp_path / "fetched"
    assert (folder / "bundle.json").read_bytes() == (source / "bundle.json").read_bytes()
    assert (folder / "members/a/weights.safetensors").read_bytes() == b"member"
    assert not (folder / "run.json").exists()

    written = (folder / "bundle.json").stat().st_mtime_ns
    assert registry.fetch("fetch", "small", tmp_path / "fetched") == folder
    assert (folder / "bundle.json").stat().st_mtime_ns == written
    assert [entry.name for entry in (tmp_path / "fetched").iterdir()] == [folder.name]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_what_was_changed_on_the_server_is_not_fetched(store: Path, tmp_path: Path, damage: str) -> None:
    version = publish(f"damage-{damage}", bundle(tmp_path / "small"))
    (weights,) = (store / "mlartifacts" / version.task).rglob("weights.safetensors")
    if damage == "changed":
        weights.write_bytes(b"wEights")
    else:
        weights.unlink()
    with pytest.raises(BrightfieldError, match="were changed"):
        registry.fetch(version.task, "1", tmp_path / "fetched")
    assert list((tmp_path / "fetched").iterdir()) == []


def test_deleted_artifacts_are_reported(store: Path, tmp_path: Path) -> None:
    version = publish("wiped", bundle(tmp_path / "small"))
    shutil.rmtree(store / "mlartifacts/wiped")
    with pytest.raises(BrightfieldError, match="models:/wiped/1.*cannot be downloaded|were changed"):
        registry.fetch("wiped", str(version.number), tmp_path / "fetched")


def report(folder: Path, scores: str) -> Path:
    (folder / layout.FIGURES).mkdir(parents=True, exist_ok=True)
    (folder / layout.METRICS).write_text('{"test": {}, "suites": {}}')
    (folder / layout.IMAGE_SCORES).write_text(scores)
    (folder / layout.FIGURES / "a.png").write_bytes(b"png")
    return folder


def test_the_report_of_a_version_is_that_of_its_run(tmp_path: Path) -> None:
    with runs.start("told", "small", kind="classification", role="member", params={}, lineage=LINEAGE) as run:
        runs.log_evaluation(run, report(tmp_path / "report", "id\n1\n"))
        version = registry.publish("told", "small", bundle(tmp_path / "small"), run, role="member", data_hash="abc.dir")
        folder = registry.fetch_report(version, tmp_path / "fetched")
        assert sorted(path.name for path in folder.iterdir()) == [layout.IMAGE_SCORES, layout.METRICS]
        assert (folder / layout.IMAGE_SCORES).read_text() == "id\n1\n"
        runs.log_evaluation(run, report(tmp_path / "report", "id\n2\n"))  # evaluated again
        assert registry.fetch_report(version, tmp_path / "fetched") == folder
    assert (folder / layout.IMAGE_SCORES).read_text() == "id\n2\n"
    assert [entry.name for entry in (tmp_path / "fetched").iterdir()] == [folder.name]


def test_a_version_that_was_not_evaluated_has_no_report(tmp_path: Path) -> None:
    version = publish("silent", bundle(tmp_path / "small"))
    with pytest.raises(BrightfieldError, match=r"report of models:/silent/1 \(small\) cannot be downloaded.*evaluated"):
        registry.fetch_report(version, tmp_path / "fetched")


def test_a_whole_report_comes_with_its_figures_and_nothing_else(tmp_path: Path) -> None:
    with runs.start("whole", "small", kind="classification", role="member", params={}, lineage=LINEAGE) as run:
        written = report(tmp_path / "report", "id\n1\n")
        runs.log_evaluation(run, written)
        (tmp_path / "script.py").write_text("raise SystemExit")
        run.log_artifacts(tmp_path / "script.py", "evaluation")
        version = registry.publish(
            "whole", "small", bundle(tmp_path / "small"), run, role="member", data_hash="abc.dir"
        )
    folder = registry.fetch_whole_report(version, tmp_path / "here")
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == [f"{layout.FIGURES}/a.png", layout.IMAGE_SCORES, layout.METRICS]
    silent = publish("silent", bundle(tmp_path / "other"))
    with pytest.raises(BrightfieldError, match="cannot be downloaded.*evaluated"):
        registry.fetch_whole_report(silent, tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
