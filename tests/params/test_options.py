"""What DVC writes of an entry is read as that entry, and every change of it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from dvc.parsing.interpolate import to_str
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.params.options import read_options

OWN = params.read_yaml(tiny.REPOSITORY / "params.yaml")["models"]
CONFIG = {"bool": "boolean_optional"}  # as .dvc/config has it


def as_dvc_writes(entry: dict[str, Any]) -> list[str]:
    import shlex

    return shlex.split(to_str(entry, config=CONFIG))


@pytest.mark.parametrize("name", sorted(OWN))
def test_nothing_differs_from_what_params_yaml_says(name: str) -> None:
    assert read_options(as_dvc_writes(OWN[name]), OWN[name]) == {}


def test_dvc_is_told_to_write_false() -> None:
    assert "bool = boolean_optional" in (tiny.REPOSITORY / ".dvc/config").read_text(encoding="utf-8")


def test_no_list_is_long_where_it_is_left_out() -> None:
    """DVC writes an empty list as nothing, as if it were left out: both must mean the same, or a change would go unnoticed."""

    def defaults(section: type[BaseModel]) -> Iterator[tuple[str, Any]]:
        for name, field in section.model_fields.items():
            inner = [field.annotation, *get_args(field.annotation)]
            inner += [deep for each in inner for deep in get_args(each)]
            for each in inner:
                if isinstance(each, type) and get_origin(each) is None and issubclass(each, BaseModel):
                    yield from defaults(each)
            if any(get_origin(each) is list for each in inner) and not field.is_required():
                yield f"{section.__name__}.{name}", field.get_default(call_default_factory=True)

    found = dict(defaults(params.Model))
    assert {"Training.augment", "Transfer.dense"} <= found.keys()
    # which may not be empty
    assert {name for name, value in found.items() if value} <= {"ConvNet.filters"}


words = st.text("abcXYZ .,-:'0123456789", min_size=1, max_size=8).filter(lambda text: not text.strip().startswith("-"))
scalars = st.one_of(st.booleans(), st.integers(-9, 9999), st.floats(1e-9, 1e9), words, st.none())
lists = st.lists(st.integers(0, 99) | words, min_size=1, max_size=4)
entries = st.dictionaries(
    st.from_regex(r"[a-m][a-m_]{0,5}", fullmatch=True),
    st.one_of(
        scalars, lists, st.dictionaries(st.from_regex(r"[a-m]{1,4}", fullmatch=True), scalars | lists, min_size=1)
    ),
    max_size=5,
)


@given(entries)
def test_any_entry_is_read_as_it_stands(entry: dict[str, Any]) -> None:
    assert read_options(as_dvc_writes(entry), entry) == {}


def test_what_differs_is_told_with_its_type() -> None:
    entry = {"training": {"epochs": 4, "augment": ["flip"], "patience": 3}, "network": {"batch_norm": True}, "seed": 0}
    options = "--training.epochs 6 --training.augment noise --no-network.batch_norm --training.patience None --training.ema 0.9"
    assert read_options(options.split(), entry) == {
        "training.epochs": 6,
        "training.augment": ["noise"],
        "network.batch_norm": False,
        "training.patience": None,
        "training.ema": 0.9,
    }


def test_values_of_a_command_line_stand_over_those_of_the_file() -> None:
    path = tiny.REPOSITORY / "params.yaml"
    given = params.load_with("models", "rbc-convnet", ["--training.epochs", "2", "--network.filters", "8", "16"], path)
    model = given.models["rbc-convnet"]
    assert model.training is not None
    assert model.training.epochs == 2
    assert isinstance(model.network, params.ConvNet)
    assert model.network.filters == [8, 16]
    assert params.load_with("models", "rbc-convnet", [], path) == params.load(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["4"], "Unexpected argument '4'"),
        (["--training.epoch", "4"], "models.rbc-convnet.training.epoch: unknown key. Did you mean 'epochs'?"),
        (
            ["--training.epochs", "none"],
            "models.rbc-convnet.training.epochs: input should be a valid integer, got 'none'",
        ),
    ],
)
def test_what_is_no_value_of_the_entry_is_refused(options: list[str], said: str) -> None:
    with pytest.raises(BrightfieldError) as caught:
        params.load_with("models", "rbc-convnet", options, tiny.REPOSITORY / "params.yaml")
    assert said in str(caught.value)


def test_an_entry_that_is_not_there_is_named() -> None:
    with pytest.raises(BrightfieldError, match="There is no model 'rbc-convnt'. Did you mean 'rbc-convnet'?"):
        params.load_with("models", "rbc-convnt", [], tiny.REPOSITORY / "params.yaml")
