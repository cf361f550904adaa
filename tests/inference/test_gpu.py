"""Everything that computes, on a CUDA device: on a double of one everywhere, and on a card where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tiny
from brightfield import params, tasks, training
from brightfield.data.augmenting import Augmenter
from brightfield.inference import activations
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.device import Device, start_device
from brightfield.inference.predictor import Predictor
from brightfield.training.resuming import Resumable
from cuda_double import NAME, cuda_double
from kinds import KINDS

MEMORY = 2**34  # bytes of the double, in which all images find place; with 0 they lie elsewhere
AUTO = params.Compute(device="auto", threads=1)
needs_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def entry(kind: str, network: dict[str, Any], **given: Any) -> params.Model:
    """A small model of another architecture than that of its kind."""
    return params.parse_model({**tiny.model(kind).model_dump(mode="json"), "network": network, **given}, "test")


BACKBONE = {"architecture": "transfer", "weights": "none", "input_px": 32}
ENCODER = {"architecture": "smp", "name": "unet", "encoder": "tu-tf_efficientnet_lite0", "weights": "none"}
MODELS: dict[str, params.Model] = {
    **{kind: tiny.model(kind) for kind in KINDS},
    "classification, dropout, moving average": tiny.model(
        "classification", network={"dropout": 0.5}, ema=0.9, balance="loss", augment=["flip", "colour"]
    ),
    "classification, a backbone": entry("classification", BACKBONE),
    "classification, a frozen backbone": entry("classification", {**BACKBONE, "unfreeze": 0}),
    "tracking, patches": tiny.model("tracking", patch_px=32, augment=["flip", "noise"]),
    "segmentation, weights and Dice": tiny.model(
        "segmentation", balance="loss", dice=1.0, augment=["flip", "recorded_noise"]
    ),
    "segmentation, an encoder": entry("segmentation", ENCODER),
    "restoration, blind spots": tiny.model("restoration", network={"residual": False}, blind_spots=True),
}


def fit(model: params.Model, compute: params.Compute = AUTO, images: int = 6, **options: Any) -> training.Fitted:
    train: Any = tiny.records(model.kind, images, seed=1)
    validation: Any = tiny.records(model.kind, 4, seed=2)
    return training.fit(
        tasks.build(model.kind, tiny.SETTINGS[model.kind]), model, train, validation, compute, **options
    )


def brief(model: params.Model) -> params.Model:
    """The same with epochs of one step: the first meets all that the others do."""
    assert model.training is not None
    return model.model_copy(update={"training": model.training.model_copy(update={"steps_per_epoch": 1})})


# --- on a double, which refuses what CUDA refuses -----------------------------------------------------------------------


@pytest.fixture
def double() -> Iterator[None]:
    with cuda_double():
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # features of frozen backbones are kept in the current folder


@pytest.mark.parametrize(
    ("model", "memory"),
    [*((model, MEMORY) for model in MODELS), *((kind, 0) for kind in KINDS), ("restoration, blind spots", 0)],
)
def test_a_network_is_trained_on_the_device_and_returned_on_the_processor(model: str, memory: int) -> None:
    found: list[str] = []
    handle = nn.modules.module.register_module_forward_pre_hook(
        lambda module, given: found.extend(x.device.type for x in given if isinstance(x, torch.Tensor))
    )
    try:
        with cuda_double(memory):
            fitted = fit(brief(MODELS[model]))
    finally:
        handle.remove()
    assert len(fitted.history) == 2
    assert set(found) == {"cuda"}
    assert {tensor.device.type for tensor in fitted.network.state_dict().values()} == {"cpu"}


@pytest.mark.parametrize("memory", [MEMORY, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_every_augmentation_is_computed_on_the_device(kind: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.build(kind, tiny.SETTINGS[kind])
    augmented: list[str] = []
    of_batch = Augmenter.__call__

    def watched(self: Augmenter, images: torch.Tensor, *others: Any) -> Any:
        augmented.append(images.device.type)
        return of_batch(self, images, *others)

    monkeypatch.setattr(Augmenter, "__call__", watched)
    with cuda_double(memory):
        fit(tiny.model(kind, augment=sorted(task.learning.augmentations), epochs=1))
    assert set(augmented) == {"cuda"}


def test_an_interrupted_training_goes_on_on_the_device(double: None, tmp_path: Path) -> None:
    model = MODELS["classification, dropout, moving average"]
    state = tmp_path / "state.safetensors"

    def interrupt(epoch: int, metrics: dict[str, float]) -> None:
        del metrics
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, resumable=Resumable(state, "same"), on_epoch=interrupt)
    goes_on = Resumable(state, "same")
    assert goes_on.interrupted
    assert len(fit(model, resumable=goes_on).history) == 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].baseline])
def test_a_baseline_stays_on_the_processor(kind: str, double: None) -> None:
    fitted = fit(tiny.baseline(kind))
    assert not {t.device.type for t in fitted.network.state_dict().values()} - {"cpu"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("views", [1, 8])
def test_a_predictor_answers_with_networks_that_lie_on_the_processor(kind: str, views: int, double: None) -> None:
    task = tasks.build(kind, tiny.SETTINGS[kind])
    model = tiny.model(kind).model_copy(update={"test_time_augmentation": views})
    members = [Member(Bundle("mine", kind, task, model, task.learning.network(model), {}), 1.0) for _ in range(2)]
    predictor = Predictor(members, AUTO)
    assert predictor.device.name == NAME
    images = [record.image for record in tiny.records(kind, 2)]
    assert len(predictor.predict(images)) == 2


def test_the_double_refuses_what_cuda_refuses(double: None) -> None:
    card = torch.ones(3).to("cuda")
    with pytest.raises(RuntimeError, match="device"):
        card + torch.ones(3)
    with pytest.raises((RuntimeError, TypeError)):
        card.numpy()
    with pytest.raises(RuntimeError, match="device"):
        nn.Linear(3, 1)(card)
    assert (card * 2).cpu().numpy().shape == (3,)
    assert float(torch.ones(3).sum()) == 3, "the processor computes as ever"


def test_the_double_finds_a_network_that_nobody_moved(double: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong once: predictions on the device with weights on the processor."""
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    encoded = [task.learning.encode(record.image) for record in tiny.records("tracking", 1)]
    monkeypatch.setattr(nn.Module, "to", lambda self, *_, **__: self)
    with pytest.raises(RuntimeError, match="device"):
        activations.activations(task, task.learning.network(tiny.model("tracking")), encoded, start_device(AUTO))


# --- on a card --------------------------------------------------------------------------------------------------------


@needs_a_card
@pytest.mark.parametrize("model", MODELS)
def test_two_trainings_on_a_card_are_the_same_to_the_last_digit(model: str) -> None:
    first, second = fit(MODELS[model]), fit(MODELS[model])
    assert first.history.equals(second.history)
    one, other = first.network.state_dict(), second.network.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@needs_a_card
@pytest.mark.parametrize("kind", KINDS)
def test_a_card_answers_as_the_processor_does(kind: str) -> None:
    task = tasks.build(kind, tiny.SETTINGS[kind])
    network = fit(tiny.model(kind), tiny.COMPUTE).network
    encoded = [task.learning.encode(record.image) for record in tiny.records(kind, 4, seed=3)]
    answers = [
        activations.activations(task, network, encoded, Device(torch.device(where), bfloat16=False))
        for where in ("cpu", "cuda")
    ]
    for processor, card in zip(*answers, strict=True):
        np.testing.assert_allclose(card, processor, atol=2e-3)  # a card multiplies with ten bits (TF32)


@needs_a_card
@pytest.mark.parametrize("kind", KINDS)
def test_a_card_augments_as_the_processor_does(kind: str) -> None:
    """The parameters are the same everywhere; white noise alone is another."""
    task = tasks.build(kind, tiny.SETTINGS[kind])
    same: Any = sorted(task.learning.augmentations - {"noise"})
    samples = task.learning.dataset(tiny.records(kind, 2), params.Training(epochs=1, augment=same))
    batch = samples.cut([0, 1] * 16, np.random.default_rng(0))
    one, other = (samples.varied(batch.to(torch.device(to)), np.random.default_rng(1)) for to in ("cpu", "cuda"))
    torch.testing.assert_close(other.images.cpu(), one.images, atol=1e-3, rtol=1e-3)
    assert float((other.targets.cpu() == one.targets).double().mean()) > 0.999  # a class may change at its border
