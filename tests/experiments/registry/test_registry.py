"""Bundles published, promoted and rolled back, on a real database; every test has a task of its own."""

from __future__ import annotations

import ast
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import brightfield
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry, runs
from brightfield.experiments.registry import Version, publishing, signature
from published import bundle, publish


def stored(version: Version) -> list[str]:
    """The files of a version, relative to its folder."""
    model = runs.connect().get_model_version(version.task, str(version.number)).source.removeprefix("models:/")
    folder = Path.cwd() / "mlartifacts" / version.task / "models" / model / "artifacts"
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_bundle_is_its_description_and_weights(tmp_path: Path) -> None:
    first = registry.bundle_hash(bundle(tmp_path / "a"))
    assert registry.bundle_hash(bundle(tmp_path / "b", commit="other")) == first
    assert registry.bundle_hash(bundle(tmp_path / "c", weights=b"others")) != first
    assert registry.bundle_hash(bundle(tmp_path / "d", name="wide")) != first


def test_the_members_of_an_ensemble_count(tmp_path: Path) -> None:
    ensemble = bundle(tmp_path / "ensemble")
    alone = registry.bundle_hash(ensemble)
    bundle(ensemble / "members/a")
    together = registry.bundle_hash(ensemble)
    bundle(ensemble / "members/a", weights=b"others")
    assert len({alone, together, registry.bundle_hash(ensemble)}) == 3


def test_what_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is no bundle in .*bundle.json is missing"):
        registry.bundle_hash(tmp_path)
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(BrightfieldError, match="bundle.json is damaged"):
        registry.bundle_hash(tmp_path)


# --- publishing -------------------------------------------------------------------------------------------------------


def test_publish(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "small")
    version = publish("publish", folder)
    assert (version.number, version.model, version.role, version.data_hash) == (1, "small", "member", "abc.dir")
    assert version.bundle_hash == registry.bundle_hash(folder)
    assert version.promotion is None
    found = runs.connect().get_model_version("publish", "1")
    assert found.run_id == version.run_id
    assert found.tags["model"] == "small"
    logged = runs.connect().get_run(version.run_id).outputs.model_outputs[0].model_id
    assert found.source == f"models:/{logged}"


def test_nothing_is_pickled_and_nothing_beside_the_bundle_is_published(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "small")
    bundle(folder / "members/a")
    for name in ("optimizer.pkl", "last.ckpt", "members/a/model.pt"):
        (folder / name).write_bytes(b"cos\nsystem\n")
    assert stored(publish("files", folder)) == [
        "MLmodel",
        "artifacts/bundle/bundle.json",
        "artifacts/bundle/members/a/bundle.json",
        "artifacts/bundle/members/a/weights.safetensors",
        "artifacts/bundle/weights.safetensors",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "serving.py",
    ]


def test_guarantees_lie_beside_the_bundle_and_are_no_part_of_it(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "small")
    (tmp_path / layout.GUARANTEES).write_text("{}")
    version = publish("guaranteed", folder, guarantees=tmp_path / layout.GUARANTEES)
    assert "artifacts/bundle/guarantees.json" in stored(version)
    assert version.bundle_hash == registry.bundle_hash(folder)
    fetched = registry.fetch("guaranteed", "1", tmp_path / "fetched")
    assert (fetched / layout.GUARANTEES).read_text() == "{}"
    assert registry.bundle_hash(fetched) == version.bundle_hash
    assert publish("guaranteed", fetched) == version
    assert "artifacts/bundle/guarantees.json" not in stored(publish("plain", fetched))


def test_the_same_bundle_is_published_once(tmp_path: Path) -> None:
    first = publish("once", bundle(tmp_path / "a"))
    assert publish("once", bundle(tmp_path / "b", commit="trained again")) == first
    assert publish("once", bundle(tmp_path / "c", weights=b"others")).number == 2
    assert publish("once", bundle(tmp_path / "d"), name="another name").number == 3
    assert list(registry.versions("once")["version"]) == [3, 2, 1]


def test_a_bundle_served_by_other_code_is_published_again_and_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that was registered may import what has moved since."""
    folder, other = bundle(tmp_path / "a"), bundle(tmp_path / "b", weights=b"others")
    first = publish("moved", folder)
    second = publish("moved", other, "wide")
    registry.promote("moved", first, {"why": "the first"})
    registry.promote("moved", second, {"why": "better"})
    changed = tmp_path / "serving.py"
    changed.write_text(f"{publishing.SERVING.read_text()}\n# of another day\n")
    monkeypatch.setattr(publishing, "SERVING", changed)
    again = publish("moved", folder)
    assert (again.number, again.bundle_hash) == (3, first.bundle_hash)
    assert again.serving_hash != first.serving_hash
    assert publish("moved", folder) == again
    assert registry.find("moved", "previous") == again
    assert registry.champion("moved") == registry.find("moved", "2")
    assert publish("moved", other, "wide").number == 4
    assert [registry.find("moved", alias).number for alias in ("champion", "previous")] == [4, 3]
    champion = registry.champion("moved")
    assert champion is not None
    assert champion.promotion is not None
    assert (champion.promotion["why"], champion.promotion["instead_of"]) == ("better", 1)


def test_a_version_of_before_its_code_was_noted_is_published_again(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "a")
    first = publish("before", folder)
    runs.connect().delete_model_version_tag("before", str(first.number), "serving_hash")
    assert registry.find("before", "1").serving_hash == ""
    assert publish("before", folder).number == 2
    assert publish("before", folder).number == 2


def test_publishing_is_quick(tmp_path: Path) -> None:
    publish("quick", bundle(tmp_path / "warm"))  # MLflow imports what it needs
    folder = bundle(tmp_path / "small", weights=bytes(6_000_000))
    start = time.perf_counter()
    publish("quick", folder)
    assert time.perf_counter() - start < 3


def test_a_failed_publication_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, "log_model_artifacts", full)
        with pytest.raises(OSError, match="No space left"):
            publish("failed", bundle(tmp_path / "small"))
    assert len(registry.versions("failed")) == 0
    assert publish("failed", bundle(tmp_path / "small")).number == 1


# --- the champion -----------------------------------------------------------------------------------------------------


def test_promotion_and_rolling_back(tmp_path: Path) -> None:
    one, two, three = (publish("cup", bundle(tmp_path / str(i), weights=bytes([i]))) for i in range(3))
    assert registry.champion("cup") is None
    assert registry.promote("cup", one, {"why": "the first"}).promotion["instead_of"] is None  # type: ignore[index]
    reason = {"metric": "auc", "difference": 0.02, "low": 0.01, "high": 0.03}
    promoted = registry.promote("cup", two.number, reason)
    assert promoted.promotion is not None
    assert reason.items() <= promoted.promotion.items()
    assert promoted.promotion["instead_of"] == 1
    assert registry.champion("cup") == promoted
    assert registry.find("cup", "previous").number == 1

    assert registry.roll_back("cup", {"why": "it fails on the new stain"}).number == 1
    assert [registry.find("cup", alias).number for alias in ("champion", "previous")] == [1, 2]
    given_up = json.loads(runs.connect().get_model_version("cup", "2").tags["rolled_back"])
    assert given_up["why"] == "it fails on the new stain"
    assert given_up["back_to"] == 1
    assert registry.roll_back("cup").number == 2

    registry.promote("cup", three, {})
    assert [registry.find("cup", alias).number for alias in ("champion", "previous")] == [3, 2]


def test_promoting_the_champion_changes_nothing(tmp_path: Path) -> None:
    one, two = (publish("stays", bundle(tmp_path / str(i), weights=bytes([i]))) for i in range(2))
    registry.promote("stays", one, {"n": 1})
    registry.promote("stays", two, {"n": 2})
    again = registry.promote("stays", two, {"n": 3})
    assert again.promotion is not None
    assert again.promotion["n"] == 2
    assert registry.find("stays", "previous").number == 1


def test_what_cannot_be_promoted_or_rolled_back(tmp_path: Path) -> None:
    assert registry.champion("nothing") is None
    with pytest.raises(BrightfieldError, match="no version 7 of 'nothing'.*No version is published"):
        registry.promote("nothing", 7, {})
    with pytest.raises(BrightfieldError, match="'nothing' has no champion to go back from"):
        registry.roll_back("nothing")
    registry.promote("only", publish("only", bundle(tmp_path / "a")), {})
    with pytest.raises(BrightfieldError, match="no previous champion.*aliases: champion"):
        registry.roll_back("only")


# --- model cards ------------------------------------------------------------------------------------------------------


def test_a_card_is_the_description_of_a_version_and_a_file_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish("described", bundle(tmp_path / "small"))
    registry.describe(version, "# small\n\nIt is good.")
    client = runs.connect()
    found = client.get_model_version("described", "1")
    assert found.description == "# small\n\nIt is good."
    registry.describe(version, "# small\n\nIt is better.")  # evaluated again
    again = client.get_model_version("described", "1")
    assert again.description == "# small\n\nIt is better."
    place = client.download_artifacts(version.run_id, layout.CARD, str(tmp_path))
    assert Path(place).read_text() == "# small\n\nIt is better."
    registry.describe(version, "# small\n\nIt is better.")
    assert client.get_model_version("described", "1").last_updated_timestamp == again.last_updated_timestamp


# --- finding ----------------------------------------------------------------------------------------------------------


def test_a_reference_is_an_alias_a_number_or_a_model(tmp_path: Path) -> None:
    one = publish("refer", bundle(tmp_path / "1", weights=b"1"), "small")
    two = publish("refer", bundle(tmp_path / "2", weights=b"2"), "small")
    three = publish("refer", bundle(tmp_path / "3", weights=b"3"), "wide")
    registry.promote("refer", one, {})
    assert registry.find("refer").number == one.number
    assert registry.find("refer", "small") == two
    assert registry.find("refer", "wide") == three
    assert registry.find("refer", "2") == two
    known = "Known models: small, wide; aliases: champion."
    for typed, meant in (("wid", "wide"), ("smal", "small"), ("champoin", "champion")):
        with pytest.raises(BrightfieldError, match=f"no '{typed}' for 'refer'. Did you mean '{meant}'[?] {known}"):
            registry.find("refer", typed)
    with pytest.raises(BrightfieldError, match=f"no '9' for 'refer'. {known}"):
        registry.find("refer", "9")


def test_versions_as_a_table(tmp_path: Path) -> None:
    empty = registry.versions("it's empty")
    columns = ["version", "model", "role", "aliases", "run_id", "created", "bundle_hash", "data_hash", "promotion"]
    assert list(empty.columns) == columns
    assert len(empty) == 0
    one, two = (publish("table", bundle(tmp_path / str(i), weights=bytes([i]))) for i in range(2))
    registry.promote("table", one, {"n": 1})
    registry.promote("table", two, {"n": 2})
    table = registry.versions("table")
    assert list(table.columns) == columns
    assert list(table["version"]) == [2, 1]
    assert list(table["aliases"]) == ["champion", "previous"]
    assert list(table["run_id"]) == [two.run_id, one.run_id]
    assert [json.loads(text)["n"] for text in table["promotion"]] == [2, 1]
    assert list(table["data_hash"]) == ["abc.dir", "abc.dir"]


# --- serving ----------------------------------------------------------------------------------------------------------


def test_what_is_served_imports_the_public_face_and_nothing_below_it() -> None:
    """Registered versions hold a copy of this file: what it imports must stay where it is."""
    tree = ast.parse(publishing.SERVING.read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {name for name in found if name.split(".")[0] == "brightfield"}
    assert own == {"brightfield"}
    outside = {name.split(".")[0] for name in found - own} - sys.stdlib_module_names
    assert outside == {"mlflow", "numpy"}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "brightfield"
    }
    assert used <= set(brightfield.__all__)


@pytest.fixture
def denoiser(tmp_path: Path) -> Path:
    """A real bundle, untrained."""
    from brightfield import params, tasks
    from brightfield.inference import bundle as bundles

    settings = params.parse_settings("restoration", {}, "a test")
    model = params.parse_model(
        {
            "task": "denoise",
            "kind": "restoration",
            "dataset": "denoise",
            "network": {"architecture": "unet", "filters": 2, "depth": 2},
            "training": {"epochs": 1},
        },
        "a test",
    )
    folder = tmp_path / "tiny"
    folder.mkdir()
    network = tasks.build("restoration", settings).learning.network(model)
    bundles.write(folder, "tiny", "served", settings, model, network, {})
    return folder


def test_the_champion_answers_through_mlflow_without_pickle(denoiser: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real bundle gives the same answers through ``mlflow.pyfunc`` as through the predictor."""
    from brightfield.inference.predictor import Predictor

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    registry.promote("served", publish("served", denoiser, "tiny"), {})

    import mlflow.pyfunc

    served = mlflow.pyfunc.load_model("models:/served@champion")
    images = np.random.default_rng(0).poisson(40, (2, 33, 50)).astype(np.uint16)
    expected = Predictor.load(denoiser).predict(list(images))
    whole = images.astype(np.int64)  # as it comes from JSON
    for given in (images, [images[0], images[1]], whole, images.astype(np.float32), whole.tolist()):
        answers = served.predict(given)
        assert [answer["kind"] for answer in answers] == ["restoration", "restoration"]
        for answer, wanted in zip(answers, expected, strict=True):
            np.testing.assert_array_equal(answer["pixels"], wanted.pixels)  # type: ignore[union-attr]
    small, large = served.predict([images[0][:20], images[1]])
    assert (small["pixels"].shape, large["pixels"].shape) == ((20, 50), (33, 50))
    with pytest.raises(ValueError, match="got one of shape \\(50,\\)"):
        served.predict(images[0])


def test_the_scoring_server_takes_numbers_as_json(denoiser: Path) -> None:
    """What `mlflow models serve` does with a request: images of one size or of several, whole numbers or not."""
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    publish("scored", denoiser, "tiny")
    served = mlflow.pyfunc.load_model("models:/scored/1")

    def answers(images: list[np.ndarray]) -> list[np.ndarray]:
        request = json.dumps({"inputs": [image.tolist() for image in images]})
        reply = scoring_server.invocations(request, "application/json", served, served.metadata.get_input_schema())
        assert reply.status == 200
        return [np.array(each["pixels"], np.float32) for each in json.loads(reply.response)["predictions"]]

    frame = np.random.default_rng(1).poisson(40, (33, 50)).astype(np.uint16)
    (expected,) = (each["pixels"] for each in served.predict([frame]))
    for given in (frame, frame.astype(np.float64)):
        np.testing.assert_array_equal(answers([given])[0], expected)
    assert [answer.shape for answer in answers([frame, frame[:20], frame[:, :41]])] == [(33, 50), (20, 50), (33, 41)]


def test_the_page_of_a_version_shows_what_goes_in_and_comes_out(denoiser: Path) -> None:
    from mlflow.models import get_model_info

    publish("schema", denoiser, "tiny")
    found = get_model_info("models:/schema/1").signature
    assert found is not None
    assert found.inputs.to_dict() == [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": (-1, -1, -1)}}]
    assert [(each.name, each.required) for each in found.outputs] == [
        ("kind", True),
        ("pixels", True),
        ("deviation", False),
    ]
    image = {"type": "array", "items": {"type": "array", "items": {"type": "float"}}}
    assert found.outputs.to_dict()[1] == {"name": "pixels", "required": True, **image}


@pytest.mark.parametrize(
    ("kind", "settings", "shape", "outputs"),
    [
        (
            "classification",
            {},
            (-1, -1, -1, 3),
            "['kind': string (required), 'probability': double (required), 'class_set': Array(long) (optional)]",
        ),
        ("classification", {"channels": 1}, (-1, -1, -1), None),
        (
            "tracking",
            {},
            (-1, -1, -1),
            "['kind': string (required), 'positions': Array(Array(double)) (required), 'quality': Array(double) (required), "
            "'radius_px': Array(double) (optional)]",
        ),
        (
            "segmentation",
            {},
            (-1, -1, -1),
            "['kind': string (required), 'classes': Array(Array(integer)) (required), "
            "'instances': Array(Array(integer)) (required), 'species': Array(integer) (optional), "
            "'species_probability': Array(float) (optional), 'count_low': long (optional), 'count_high': long (optional), "
            "'margin_px': double (optional)]",
        ),
        ("segmentation", {"fluorescence": True}, (-1, -1, -1, 2), None),
    ],
)
def test_each_kind_says_its_channels_and_answers(
    kind: str, settings: dict[str, object], shape: tuple[int, ...], outputs: str | None, tmp_path: Path
) -> None:
    """No images of one size alone are stated: a length of -1 is any."""
    found = signature.signature(bundle(tmp_path, kind=kind, settings=settings))
    assert [(each.type, each.shape) for each in found.inputs] == [(np.float32, shape)]
    if outputs is not None:
        assert str(found.outputs) == outputs


def test_a_served_version_says_what_it_guarantees(tmp_path: Path) -> None:
    from brightfield import params, tasks
    from brightfield.inference import bundle as bundles
    from brightfield.inference.guarantees import Guarantees, Limit

    settings = params.parse_settings("tracking", {}, "a test")
    model = params.parse_model(
        {
            "task": "beads",
            "kind": "tracking",
            "dataset": "beads",
            "network": {"architecture": "unet", "filters": 2, "depth": 2},
            "training": {"epochs": 1},
        },
        "a test",
    )
    folder = tmp_path / "tiny"
    folder.mkdir()
    bundles.write(
        folder, "tiny", "radii", settings, model, tasks.build("tracking", settings).learning.network(model), {}
    )
    path = tmp_path / layout.GUARANTEES
    Guarantees(0.9, {"radius": Limit(0.5, "groups", 9, 20)}, {}, registry.bundle_hash(folder)).write(path)
    publish("radii", folder, "tiny", guarantees=path)
    publish("no-radii", folder, "tiny")

    import mlflow.pyfunc

    frames = np.random.default_rng(0).poisson(40, (2, 33, 50)).astype(np.uint16)
    for answer in mlflow.pyfunc.load_model("models:/radii/1").predict(frames):
        assert answer["radius_px"].shape == (len(answer["positions"]),)
    for answer in mlflow.pyfunc.load_model("models:/no-radii/1").predict(frames):
        assert "radius_px" not in answer
