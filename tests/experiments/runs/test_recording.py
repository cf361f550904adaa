"""What a run holds after it was written through a real database."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pandas as pd
import pytest

from brightfield.experiments import runs
from brightfield.experiments.runs import DatasetRef, Run
from brightfield.experiments.runs.recording import flatten
from brightfield.system.lineage import Lineage

LINEAGE = Lineage("c0ffee", True, "main", "3.11.7", {"torch": "2.14.1"}, "Linux", "a processor")
DATASET = DatasetRef("rbc", "data/prepared/rbc", "d41d8cd98f00b204e9800998ecf8427e.dir", "train")
PARAMS = {"model": {"seed": 3, "network": {"filters": [32, 64], "dropout": 0.5}, "training": None}, "augment": {}}


def start(task: str, name: str = "convnet", **more: object) -> Run:
    given = {"kind": "classification", "role": "member", "params": PARAMS, "lineage": LINEAGE, **more}
    return runs.start(task, name, **given)  # type: ignore[arg-type]


def artifact(run: Run, path: str, folder: Path) -> str:
    return Path(runs.connect().download_artifacts(run.id, path, str(folder))).read_text()


def test_a_run_knows_what_made_it(store: Path, tmp_path: Path) -> None:
    with start("made", dataset=DATASET, tags={"campaign": "spring"}) as run:
        pass
    found = runs.connect().get_run(run.id)
    assert runs.connect().get_experiment(found.info.experiment_id).name == "made"
    assert found.info.run_name == "convnet"
    assert found.info.status == "FINISHED"
    assert found.data.params == {
        "model.seed": "3",
        "model.network.filters": "[32, 64]",
        "model.network.dropout": "0.5",
        "model.training": "None",
        "augment": "{}",
    }
    expected = {
        "brightfield.model": "convnet",
        "brightfield.kind": "classification",
        "brightfield.role": "member",
        "brightfield.dirty": "true",
        "mlflow.source.git.commit": "c0ffee",
        "mlflow.source.git.branch": "main",
        "campaign": "spring",
    }
    assert expected.items() <= found.data.tags.items()
    assert json.loads(artifact(run, "lineage.json", tmp_path)) == LINEAGE.as_dict()


def test_the_data_is_an_input_with_the_hash_of_dvc(store: Path) -> None:
    run = start("inputs", dataset=DATASET)
    (given,) = runs.connect().get_run(run.id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("rbc", "d41d8cd98f00b204e9800998ecf8427e.dir")
    assert json.loads(given.dataset.source) == {"uri": "data/prepared/rbc"}
    tags = {tag.key: tag.value for tag in given.tags}
    assert tags == {"mlflow.data.context": "training", "brightfield.split": "train"}


def test_data_that_dvc_does_not_track_says_so(store: Path) -> None:
    run = start("inputs", dataset=DatasetRef("mine", "data/prepared/mine", None, "train"))
    (given,) = runs.connect().get_run(run.id).inputs.dataset_inputs
    assert given.dataset.digest == "untracked"


def test_artifacts_lie_beside_the_database(store: Path) -> None:
    run = start("beside")
    assert (store / "mlartifacts/beside" / run.id / "artifacts/lineage.json").is_file()


def test_metrics_of_epochs(store: Path) -> None:
    run = start("epochs")
    for epoch in range(3):
        run.log_metrics({"train_loss": 1 / (epoch + 1), "validation_auc": math.nan, "psnr": math.inf}, epoch)
    assert run.metrics() == {"train_loss": 1 / 3}
    assert runs.history(run.id, "train_loss").to_dict("list") == {"step": [0, 1, 2], "value": [1.0, 0.5, 1 / 3]}
    assert len(runs.history(run.id, "validation_auc")) == 0


def test_more_metrics_than_one_request_takes(store: Path) -> None:
    run = start("many")
    run.log_history((step, {"a": float(step), "b": -float(step)}) for step in range(700))
    assert len(runs.history(run.id, "a")) == 700
    assert run.metrics() == {"a": 699.0, "b": -699.0}


def test_names_that_mlflow_refuses_are_changed(store: Path) -> None:
    run = start("names", params={"iou (E. coli)": 1})
    run.log_metrics({"iou_E. coli/lit?": 0.5})
    assert run.metrics() == {"iou_E. coli_lit_": 0.5}
    assert runs.connect().get_run(run.id).data.params == {"iou _E. coli_": "1"}


def test_long_parameters_are_kept_whole_and_announced(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fits, long, name = "f" * 6000, "x" * 6001, "n" * 300
    with caplog.at_level(logging.WARNING):
        run = start("long", params={"a": {"fits": fits, "long": long}, name: 1})
    logged = runs.connect().get_run(run.id).data.params
    assert logged["a.fits"] == fits
    assert logged["a.long"] == "[6001 characters: see params/a.long.txt]"
    assert artifact(run, "params/a.long.txt", tmp_path) == f"a.long\n{long}\n"
    assert artifact(run, f"params/{name[:80]}.txt", tmp_path) == f"{name}\n1\n"
    assert [record.message.count("too long for MLflow") for record in caplog.records] == [1, 1]


def test_a_long_tag_is_refused(store: Path) -> None:
    run = start("tags")
    run.set_tags({"note": "n" * 8000})
    assert runs.connect().get_run(run.id).data.tags["note"] == "n" * 8000
    with pytest.raises(ValueError, match="at most 8000 characters, got 8001 for 'note'"):
        run.set_tags({"note": "n" * 8001})


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_how_a_run_ends(store: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), start("ends") as run:
        raise error
    assert runs.connect().get_run(run.id).info.status == status


def test_a_run_that_was_ended_inside_stays_so(store: Path) -> None:
    with start("ends") as run:
        run.end("KILLED")
    assert runs.connect().get_run(run.id).info.status == "KILLED"


def test_a_child_stands_under_its_parent(store: Path) -> None:
    parent = start("tree", "study", role="study")
    child = start("tree", "trial 1", role="trial", parent_run_id=parent.id)
    found = runs.search("tree", role="trial")
    assert list(found["run_id"]) == [child.id]
    assert list(found["tags.mlflow.parentRunId"]) == [parent.id]


def test_files_folders_and_tables(store: Path, tmp_path: Path) -> None:
    run = start("files")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/roc.png").write_bytes(b"png")
    run.log_artifacts(tmp_path / "figures", "shown")
    run.log_artifacts(tmp_path / "figures/roc.png")
    run.log_table(pd.DataFrame({"id": ["a"], "probability": [1 / 3]}), "tables/images.csv")
    names = {file.path for file in runs.connect().list_artifacts(run.id)}
    assert names == {"lineage.json", "roc.png", "shown", "tables"}
    read = pd.read_csv(store / "mlartifacts/files" / run.id / "artifacts/tables/images.csv")
    assert read.to_dict("list") == {"id": ["a"], "probability": [1 / 3]}
    with pytest.raises(FileNotFoundError, match="no file or folder .*missing to log"):
        run.log_artifacts(tmp_path / "missing")


def test_resume(store: Path) -> None:
    with start("again") as run:
        run.log_metrics({"loss": 2.0}, 0)
    ended = runs.connect().get_run(run.id).info.end_time
    found = runs.resume(run.id)
    assert found is not None
    found.log_metrics({"loss": 1.0}, 1)
    assert found.experiment == "again"
    assert runs.connect().get_run(run.id).info.end_time == ended
    with found:
        assert runs.connect().get_run(run.id).info.status == "RUNNING"
    assert runs.connect().get_run(run.id).info.status == "FINISHED"


@pytest.mark.parametrize("unknown", ["0" * 32, "nonsense", "../../etc"])
def test_an_unknown_run_is_none(store: Path, unknown: str) -> None:
    assert runs.resume(unknown) is None


def test_a_deleted_run_or_experiment_is_none_and_the_experiment_comes_back(store: Path) -> None:
    first, second = start("deleted"), start("deleted")
    client = runs.connect()
    client.delete_run(first.id)
    assert runs.resume(first.id) is None
    client.delete_experiment(client.get_experiment_by_name("deleted").experiment_id)
    assert runs.resume(second.id) is None
    third = start("deleted")
    assert runs.resume(third.id) is not None


def test_flatten() -> None:
    nested = {"a": {"b": {"c": 1e-4}, "d": (1, "x")}, "e": True, "f": [{"g": None}], "h": {}}
    assert flatten(nested) == {"a.b.c": "0.0001", "a.d": '[1, "x"]', "e": "True", "f": '[{"g": null}]', "h": "{}"}
