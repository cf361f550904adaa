"""What tuning tries."""

from __future__ import annotations

import tiny
from brightfield import params


def test_what_is_tried_of_a_model_that_spaces_does_not_name() -> None:
    own = tiny.full_params()
    assert own.space("rbc-finetuned") == own.spaces["rbc-finetuned"]
    assert own.space("rbc-features") == {}
    for name, model in own.models.items():
        for path, search in own.space(name).items():
            ends = search.choices or [search.low, search.high]
            for value in ends:  # the entry takes all that may be drawn
                params.with_values(model, {path: value}, name)
    space = own.space("beads-unet")
    rate, filters = space["training.learning_rate"], space["network.filters"]
    assert (rate.low, rate.high, rate.log) == (0.0008, 0.02, True)  # of 0.004
    assert (filters.low, filters.high) == (8, 24)  # of 16
    assert space.keys() == {"training.learning_rate", "network.filters"}
    assert "network.dropout" in own.space("rbc-compact")
    assert own.space("denoise-unet").keys() == {
        "training.learning_rate",
        "training.weight_decay",
    }  # it begins with a starter


def test_a_path_is_put_where_sections_are_left_out() -> None:
    content = {"task": "rbc", "training": {"epochs": 1}}
    params.put(content, "training.epochs", 2)
    params.put(content, "network.dropout", 0.1)
    assert content == {"task": "rbc", "training": {"epochs": 2}, "network": {"dropout": 0.1}}
