"""Architectures of segmentation-models-pytorch: built without a network, weights from a package or a file."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from brightfield import architectures, params
from brightfield.architectures import Shape, pretrained
from brightfield.errors import BrightfieldError

SHIPPED = "efficientnet-lite0"


@pytest.fixture(autouse=True)
def _without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def build(inputs: int = 1, outputs: int = 3, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return architectures.build(
        params.Smp.model_validate({"architecture": "smp", **settings}), Shape(inputs, outputs)
    ).eval()


def encoder_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return network.get_submodule("encoder").state_dict()


def test_it_is_built_without_a_network_and_answers() -> None:
    with torch.no_grad():
        assert build()(torch.zeros(1, 1, 64, 96)).shape == (1, 3, 64, 96)


def test_the_last_layer_begins_with_the_bias_that_is_asked_for() -> None:
    settings = params.Smp(architecture="smp", name="unet", encoder="resnet18", weights="none")
    head = architectures.build(settings, Shape(1, 1, bias=-4.0)).get_submodule("segmentation_head")
    assert [p.tolist() for name, p in head.named_parameters() if name.endswith("bias")] == [[-4.0]]


def test_the_shipped_weights_are_those_of_the_file() -> None:
    loaded = encoder_of(build(inputs=3, weights=SHIPPED))
    shipped = pretrained.shipped(loaded)
    assert loaded.keys() == shipped.keys()  # the classifier, which is last, is left out
    assert all(torch.equal(tensor, shipped[name]) for name, tensor in loaded.items())
    first = next(iter(loaded))
    assert not torch.equal(encoder_of(build(inputs=3))[first], loaded[first])


def test_for_grey_images_the_first_layer_sums_the_three_channels() -> None:
    rgb, grey = encoder_of(build(inputs=3, weights=SHIPPED)), encoder_of(build(inputs=1, weights=SHIPPED))
    first, *others = rgb
    assert grey[first].shape[1] == 1
    torch.testing.assert_close(grey[first][:, 0], rgb[first].sum(dim=1))
    assert all(torch.equal(grey[name], rgb[name]) for name in others)


def test_a_grey_image_answers_as_the_same_image_in_rgb() -> None:
    rgb, grey = build(inputs=3, weights=SHIPPED), build(inputs=1, weights=SHIPPED)
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        a = rgb.get_submodule("encoder")(image.expand(1, 3, 64, 64))[-1]
        b = grey.get_submodule("encoder")(image)[-1]
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_weights_of_a_file_are_loaded_by_name(tmp_path: Path) -> None:
    other = build(weights=SHIPPED)
    save_file({k: v.contiguous() for k, v in encoder_of(other).items()}, tmp_path / "mine.safetensors")
    loaded = encoder_of(build(weights=str(tmp_path / "mine.safetensors")))
    assert all(torch.equal(loaded[name], value) for name, value in encoder_of(other).items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "unett"}, r"network.name 'unett' cannot be used: .* Known: .*unet, unetplusplus, upernet."),
        ({"name": "PAN"}, "network.name 'PAN' cannot be used: it cannot be exported"),
        ({"encoder": "resnet1"}, "network.encoder 'resnet1' cannot be built"),
        ({"encoder": "tu-nonsense"}, "network.encoder 'tu-nonsense' cannot be built"),
        ({"weights": "imagenet"}, "network.weights is 'none', 'efficientnet-lite0' or the path .*, got 'imagenet'"),
        ({"weights": "no.safetensors"}, r"got 'no.safetensors' \(there is no such file\)"),
        ({"weights": SHIPPED, "encoder": "resnet18"}, "fit the encoder 'tu-tf_efficientnet_lite0', got .* 'resnet18'"),
    ],
)
def test_what_cannot_be_had_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        build(**settings)


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    of_lite = {k: v.contiguous() for k, v in encoder_of(build()).items()}
    first = next(iter(of_lite))
    files = {
        "another shape": ({**of_lite, first: torch.zeros(8, 1, 3, 3)}, f"{first} is .*, expected "),
        "one missing": ({k: v for k, v in of_lite.items() if k != first}, f"has no {first}"),
        "other names": ({f"body.{k}": v for k, v in of_lite.items()}, f"has no {first}"),
        "almost nothing": ({"x": torch.zeros(1)}, f"has no {first}"),
    }
    for number, (what, (weights, message)) in enumerate(files.items()):
        path = tmp_path / f"{number}.safetensors"
        save_file(weights, path)
        with pytest.raises(BrightfieldError, match=message):
            pytest.fail(f"{what}: {build(weights=str(path))}")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(BrightfieldError, match=r"broken.safetensors cannot be read"):
        build(weights=str(path))
