"""What all sections of ``params.yaml`` share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A mapping of ``params.yaml``: frozen, nothing unknown, no text taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def annotation_of(cls, key: str, content: Any) -> Any:
        """What a field holds; a section may choose it by another field of its ``content``."""
        del content
        return cls.model_fields[key].annotation


# keys that are gone, by their path: what takes their place
REPLACED = {"evaluation.promote": "section `gates` says what a new champion must be. Remove the key"}
# keys of earlier versions: refused in params.yaml with today's name, understood in bundles that were registered with them
RENAMED = {"views": "test_time_augmentation", "start": "init_from", "dark": "camera_offset"}


def unknown(what: str, name: str, known: Mapping[str, Any]) -> str:
    """The message for a name that is not there; ``what`` is e.g. ``model``."""
    return f"There is no {what} {name!r}.{did_you_mean(name, known)} Known: {', '.join(sorted(known)) or 'none'}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence with the known name that is nearest to one that is not, and a space before it; empty if none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
