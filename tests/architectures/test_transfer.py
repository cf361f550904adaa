"""A pretrained backbone with a new head: what is trained, what stays, and where weights come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from brightfield import architectures, params
from brightfield.architectures import Shape, pretrained, transfer
from brightfield.architectures.transfer import Transfer
from brightfield.errors import BrightfieldError

LITE0_BLOCKS = 9  # the stem, seven stages, and the last convolution


def build(inputs: int = 3, bias: float = 0.0, **settings: Any) -> Transfer:
    torch.manual_seed(0)
    network = params.Transfer.model_validate({"architecture": "transfer", "input_px": 32, **settings})
    built = architectures.build(network, Shape(inputs, 1, 85, bias))
    assert isinstance(built, Transfer)
    return built


def shaped(**settings: Any) -> Transfer:
    """The same with shapes and without numbers, which take long to draw."""
    with torch.device("meta"):
        return build(weights="none", **settings)


def trained(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(("backbone", "width"), [("tf_efficientnet_lite0", 1280), ("vgg16", 512)])
def test_the_dense_classifier_is_replaced_by_a_head_of_its_own(backbone: str, width: int) -> None:
    network = build(backbone=backbone, weights="none", dense=[7], bias=-2.0).eval()
    shapes = [tuple(p.shape) for p in network.head.parameters()]
    assert shapes == [(7, width), (7,), (1, 7), (1,)]
    assert network.head[-1].bias.item() == -2.0
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 85, 85)).shape == (2, 1)


def test_vgg16_has_the_convolutions_of_the_paper() -> None:
    """13 convolutions of 3x3 (configuration D of Simonyan and Zisserman 2015): 14,714,688 parameters."""
    backbone = shaped(backbone="vgg16", unfreeze="all").backbone
    assert trained(backbone) == 14_714_688
    assert sum(isinstance(module, nn.Conv2d) for module in backbone.modules()) == 13


@pytest.mark.parametrize(("backbone", "blocks"), [("tf_efficientnet_lite0", LITE0_BLOCKS), ("vgg16", 5)])
def test_blocks_are_unfrozen_from_the_top(backbone: str, blocks: int) -> None:
    counts = [trained(shaped(backbone=backbone, unfreeze=n).backbone) for n in range(blocks + 1)]
    assert counts[0] == 0
    assert counts == sorted(set(counts))  # each block adds some
    whole = shaped(backbone=backbone, unfreeze="all")
    assert trained(whole.backbone) == counts[-1] == sum(p.numel() for p in whole.backbone.parameters())
    assert shaped().is_frozen
    assert not whole.is_frozen
    first, last = list(shaped(backbone=backbone, unfreeze=1).backbone.parameters())[
        :: len(list(whole.backbone.parameters())) - 1
    ]
    assert not first.requires_grad
    assert last.requires_grad


def test_more_blocks_than_there_are_is_refused() -> None:
    with pytest.raises(BrightfieldError, match="network.unfreeze is 12, but vgg16 has 5 blocks"):
        shaped(backbone="vgg16", unfreeze=12)


def test_frozen_parts_do_not_follow_the_new_images() -> None:
    """Weights without a gradient would still drift with the running means of batch normalisation."""
    network = build(weights="none", unfreeze=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    # from the start
    assert [module.training for module in (network.backbone.bn1, network.backbone.bn2)] == [
        False,
        True,
    ]
    network.train()
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    network(5 + torch.randn(4, 3, 32, 32)).sum().backward()
    optimizer.step()
    changed = {
        name.rsplit(".", 1)[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"backbone.conv_head", "backbone.bn2", "head.2"}


def test_the_shipped_weights_are_those_of_the_file() -> None:
    own = build(weights="imagenet").backbone.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in pretrained.shipped(own).items())
    random = build(weights="none").backbone.state_dict()
    assert not torch.equal(own["conv_stem.weight"], random["conv_stem.weight"])


def test_a_grey_image_answers_as_the_same_image_in_rgb() -> None:
    rgb, grey = build(weights="imagenet").eval(), build(inputs=1, weights="imagenet").eval()
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(rgb.features(image.expand(1, 3, 32, 32)), grey.features(image), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "vgg16"])
def test_weights_of_a_file_are_loaded_by_name(backbone: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    other = build(backbone=backbone, weights="none").backbone.state_dict()
    other = {name: torch.rand_like(value.float()).to(value.dtype) for name, value in other.items()}
    save_file(other, file)
    loaded = build(backbone=backbone, weights=str(file)).backbone.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in other.items())
    save_file(dict(list(other.items())[1:]), file)
    with pytest.raises(
        BrightfieldError, match=f"do not fit backbone '{backbone}': the file has no {next(iter(other))}"
    ):
        build(backbone=backbone, weights=str(file))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("photographs", "network.weights is 'imagenet', 'none' or the path of a .safetensors file, got 'photographs'"),
        ("no.safetensors", r"got 'no.safetensors' \(there is no such file\)"),
    ],
)
def test_weights_that_cannot_be_had_are_refused(weights: str, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        build(weights=weights)


def test_a_download_that_fails_says_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import VGG16_Weights

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(type(VGG16_Weights.IMAGENET1K_V1), "get_state_dict", offline)
    with pytest.raises(BrightfieldError, match="vgg16 could not be downloaded .*safetensors.*tf_efficientnet_lite0"):
        build(backbone="vgg16", weights="imagenet")


def test_downloaded_weights_are_those_of_the_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's file holds the dense classifier as well, which is left out."""
    random = build(backbone="vgg16", weights="none").backbone.state_dict()
    file = {name: torch.rand_like(value) for name, value in random.items()}
    monkeypatch.setattr(
        transfer, "_downloaded_vgg16", lambda: {**file, "classifier.0.weight": torch.zeros(4096, 25088)}
    )
    loaded = build(backbone="vgg16", weights="imagenet").backbone.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in file.items())
