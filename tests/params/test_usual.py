"""What is tried of models that ``spaces`` does not name."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

import tiny
from brightfield import params, tasks
from brightfield.architectures import smp
from brightfield.params import spaces
from brightfield.params.usual import ENCODERS, MOST_PATHS, usual
from kinds import KINDS

FULL = tiny.full_params()
SPACES = {name: usual(model, FULL.settings_of(model)) for name, model in FULL.models.items()}
LENGTHS = [0, 1, 2, 3, 4]  # of the longest list of choices


def test_each_architecture_has_a_space_but_the_one_that_chooses_all_itself() -> None:
    sections = get_args(get_args(params.Network)[0])
    architectures = {get_args(section.model_fields["architecture"].annotation)[0] for section in sections}
    assert {model.network.architecture for model in FULL.models.values()} == architectures
    without = {model.network.architecture for name, model in FULL.models.items() if not SPACES[name]}
    assert without == {"total_variation"}


@pytest.mark.parametrize("name", FULL.models)
def test_every_end_and_choice_is_taken_and_the_entry_is_among_them(name: str) -> None:
    model, settings = FULL.models[name], FULL.settings_of(FULL.models[name])
    assert spaces.problems_of(SPACES[name], model, settings) == []
    assert spaces.outside(SPACES[name], model, settings) == []
    assert spaces.with_own_choices(SPACES[name], model, settings) == SPACES[name]
    if model.training is not None:
        assert 4 <= len(SPACES[name]) <= MOST_PATHS
        assert next(iter(SPACES[name])) == "training.learning_rate"


def drawn(space: params.Space, number: int) -> dict[str, Any]:
    """The lowest value of each range, or the highest, and one of the choices."""
    found: dict[str, Any] = {}
    for path, search in space.items():
        if search.choices is not None:
            found[path] = search.choices[min(number, len(search.choices) - 1)]
        else:
            found[path] = search.high if number % 2 else search.low
    return found


@pytest.mark.parametrize("name", [name for name in FULL.models if SPACES[name]])
def test_networks_are_built_at_every_extreme_and_see_a_patch(name: str) -> None:
    model, settings = FULL.models[name], FULL.settings_of(FULL.models[name])
    learning = tasks.build(model.kind, settings).learning
    of_network = {path: search for path, search in SPACES[name].items() if path.startswith("network.")}
    choices = max([2, *(len(search.choices or ()) for search in of_network.values())])
    for number in range(choices if of_network else 0):
        entry = params.with_values(model, drawn(SPACES[name], number), name)
        network = learning.network(entry)
        if entry.training is not None:
            side = learning.shape().size_px or entry.training.patch_px
            assert side is not None
            with torch.no_grad():
                output = network(torch.zeros(2, learning.shape().inputs, side, side))
            assert output.shape[0] == 2
            assert output.shape[2:] in ((), (side, side))


def test_what_is_tried_lies_around_the_entry() -> None:
    space = SPACES["beads-unet"]
    rate, filters, depth = (space[path] for path in ("training.learning_rate", "network.filters", "network.depth"))
    assert (rate.low, rate.high, rate.log) == (0.0008, 0.02, True)  # of 0.004
    assert (filters.low, filters.high, filters.step) == (8, 24, 4)  # of 16
    assert (depth.low, depth.high) == (3, 5)  # of 4
    assert space["training.batch_size"].choices == [8, 16, 32]  # of 16
    assert (space["training.weight_decay"].low, space["training.weight_decay"].high) == (1e-5, 1e-3)  # of 1e-4
    template = SPACES["beads-correlation"]["network.template_px"]
    assert (template.low, template.high, template.step) == (17, 49, 2)  # of 33
    assert SPACES["rbc-convnet"]["network.filters"].choices == [
        [32, 64, 128, 128],
        [32, 64, 128],
        [32, 64, 128, 128, 128],
        [16, 32, 64, 64],
        [48, 96, 192, 192],
    ]


def test_a_network_that_begins_with_weights_keeps_its_shape() -> None:
    begun = [name for name, m in FULL.models.items() if m.training is not None and m.training.init_from is not None]
    assert len(begun) >= 4
    for name in begun:
        of_network = {path for path in SPACES[name] if path.startswith("network.")}
        assert of_network <= {"network.dropout", "network.unfreeze"}
    assert {"network.dropout", "network.unfreeze"} <= SPACES["rbc-finetuned"].keys()


@pytest.mark.parametrize(
    ("augment", "tried"),
    [([], False), (["flip", "rotate", "reverse"], False), (["flip", "brightness"], True), (["recorded_noise"], True)],
)
def test_a_strength_is_tried_where_there_is_something_that_it_scales(augment: list[str], tried: bool) -> None:
    model = params.with_values(FULL.models["bacteria-unet"], {"training.augment": augment}, "test")
    assert ("training.augment_strength" in usual(model)) == tried


@pytest.mark.parametrize(
    ("depth", "patch_px", "deepest"), [(4, 96, 5), (4, 72, 4), (6, 96, 6), (7, 128, 7), (4, None, 4)]
)
def test_a_network_gets_no_deeper_than_its_patches_can_be_halved(
    depth: int, patch_px: int | None, deepest: int
) -> None:
    values = {"network.depth": depth, "training.patch_px": patch_px}
    space = usual(params.with_values(FULL.models["bacteria-unet"], values, "test"))
    assert (space["network.depth"].low, space["network.depth"].high) == (depth - 1, deepest) or depth == deepest
    assert space["network.depth"].high == deepest
    assert ("training.centred" in space) == (patch_px is not None)


def test_a_convnet_gets_no_deeper_than_its_crops_can_be_halved() -> None:
    model = FULL.models["rbc-convnet"]  # four convolutions leave 6 px of 85, and five 1
    assert [32, 64, 128, 128, 128] in (
        usual(model, params.ClassificationSettings(size_px=85))["network.filters"].choices or []
    )
    small = usual(model, params.ClassificationSettings(size_px=60))["network.filters"].choices or []
    assert max(len(choice) for choice in small if isinstance(choice, list)) == 4


def test_an_encoder_is_tried_only_without_weights() -> None:
    shipped = FULL.models["bacteria-lite"]
    assert "network.encoder" not in usual(shipped)
    assert "training.backbone_rate" in usual(shipped)
    space = usual(params.with_values(shipped, {"network.weights": "none", "network.encoder": "tu-resnet34"}, "test"))
    assert space["network.encoder"].choices == ["tu-resnet34", *ENCODERS]
    assert "training.backbone_rate" not in space


@pytest.mark.parametrize("encoder", ENCODERS)
def test_each_encoder_is_built_without_a_network(encoder: str) -> None:
    section = params.Smp(architecture="smp", encoder=encoder)
    network = smp.build(section, tasks.build("segmentation", tiny.SETTINGS["segmentation"]).learning.shape())
    with torch.no_grad():
        assert network(torch.zeros(2, 1, 64, 64)).shape[2:] == (64, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_numbers_leave_something_to_try(kind: str) -> None:
    """Networks of the tests have four filters in two levels, and batches of four."""
    for model in (tiny.model(kind), tiny.model(kind, batch_size=1, weight_decay=0.0)):
        assert spaces.problems_of(usual(model), model) == []
        assert spaces.outside(usual(model), model) == []
