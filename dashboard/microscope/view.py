"""The microscope on a page: linked panes of one image, which zoom to its pixels, with answers over it.

Around OpenSeadragon (BSD licence, in ``vendor``). The browser asks the server for tiles by names that only this page was told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from brightfield.results.layers import INVENTED, MERGED, MISSED, RIGHT, SPLIT
from microscope.shelf import SHELF
from microscope.tiles import Cells, Photograph

if TYPE_CHECKING:
    from brightfield.tasks.correcting import Tool

HERE = Path(__file__).parent
# of Okabe and Ito (2008), which people with any colour vision tell apart
COLOURS: Mapping[str, tuple[int, int, int]] = {
    RIGHT: (86, 180, 233),
    MISSED: (213, 94, 0),
    INVENTED: (240, 228, 66),
    MERGED: (204, 121, 167),
    SPLIT: (0, 158, 115),
}
PLAIN = (255, 255, 255)  # of what is compared with nothing

_component = st.components.v2.component(
    "brightfield_microscope",
    html='<div class="microscope" tabindex="0"></div>',
    css=(HERE / "view.css").read_text(encoding="utf-8"),
    js=(HERE / "view.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, eq=False)
class Marks:
    """Positions over an image.

    Attributes:
        points: (N, 2), columns x and y in pixels.
        verdicts: of each.
    """

    points: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    verdicts: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Pane:
    """One of the linked views.

    Attributes:
        title: above it.
        identity: what its image is of, and of which version; panes with the same one share its tiles.
        pixels: (H, W) or (H, W, 3).
        words: beside the title.
        instances: (H, W) int32, cells over it; None without them.
        verdicts: of each cell by its number.
        crosses, rings: positions over it, as answers and as the truth are drawn.
        residuals: (K, 4), columns x and y of begin and end of an arrow.
    """

    title: str
    identity: str
    pixels: npt.NDArray[Any]
    words: str = ""
    instances: npt.NDArray[np.int32] | None = None
    verdicts: Sequence[str] = ()
    crosses: Marks = field(default_factory=lambda: Marks())
    rings: Marks = field(default_factory=lambda: Marks())
    residuals: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))

    @property
    def words_of_verdicts(self) -> set[str]:
        """The verdicts that occur."""
        return {*self.verdicts, *self.crosses.verdicts, *self.rings.verdicts}


def show(
    panes: Sequence[Pane],
    key: str,
    pixel_size_um: float | None = None,
    on_step: Callable[[], None] | None = None,
    tools: Sequence[Tool] = (),
    on_correction: Callable[[], None] | None = None,
    marked: bool = False,
    on_mark: Callable[[], None] | None = None,
) -> None:
    """Show panes beside each other.

    Args:
        panes: of one image, or of images of the same size.
        key: of the component on its page.
        pixel_size_um: for the scale bar; None: in pixels.
        on_step: called when the next image (``step`` of the component is 1) or the previous one (-1) is asked for; None: there is
            no other.
        tools: with which the truth can be corrected.
        on_correction: called when one was used (``correction`` of the component is what a :class:`Step` holds).
        marked: whether somebody has marked the image.
        on_mark: called when it is marked, or not any more; None: images are not marked here.
    """
    content = described(panes, pixel_size_um, steps=on_step is not None, tools=tools)
    content["marked"] = marked if on_mark is not None else None  # no reason to draw anything anew
    _component(
        data=content,
        key=key,
        height="content",
        on_step_change=on_step or _nothing,
        on_correction_change=on_correction or _nothing,
        on_mark_change=on_mark or _nothing,
    )


def prepare(key: str) -> None:
    """Let the browser load the viewer while nothing is shown, so that the first image does not wait for it.

    Args:
        key: of the component on its page.
    """
    _component(data={}, key=f"{key}-prepared", height="content")


def described(
    panes: Sequence[Pane], pixel_size_um: float | None, steps: bool, tools: Sequence[Tool] = ()
) -> dict[str, Any]:
    """What the browser is told: names of images, and what is drawn over them."""
    content: dict[str, Any] = {
        "panes": [_pane(pane) for pane in panes],
        "pixel_um": pixel_size_um,
        "steps": steps,
        "legend": [(_css(word), word) for word in COLOURS if any(word in pane.words_of_verdicts for pane in panes)],
        "tools": [asdict(tool) for tool in tools if tool.by != "image"],
        "subject": panes[0].identity if panes else "",  # while it stays, somebody goes on looking at the same place
    }
    # with it the browser knows that nothing has changed, and keeps the place that somebody looks at
    content["identity"] = hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
    return content


def _pane(pane: Pane) -> dict[str, Any]:
    name, picture = SHELF.put(pane.identity, lambda: Photograph(pane.pixels))
    assert isinstance(picture, Photograph)
    height, width = picture.shape
    black, white = picture.black_and_white
    return {
        "title": pane.title,
        "words": pane.words,
        "image": name,
        "colour": picture.is_colour,
        "width": width,
        "height": height,
        "black": black,
        "white": white,
        "cells": list(_cells(pane)),
        "points": _points(pane),
        "residuals": np.round(pane.residuals, 4).tolist(),
    }


def _points(pane: Pane) -> list[tuple[float, float, str, str]]:
    return [
        (round(float(x), 4), round(float(y), 4), _css(verdict), shape)
        for shape, marks in (("ring", pane.rings), ("cross", pane.crosses))
        for (x, y), verdict in zip(marks.points, marks.verdicts, strict=True)
    ]


def _cells(pane: Pane) -> Iterable[str]:
    instances = pane.instances
    if instances is not None:
        colours = [COLOURS.get(verdict, PLAIN) for verdict in pane.verdicts]
        # by what they are: the colours of the truth depend on the answer beside it, and a model may be trained again
        content = hashlib.blake2b(np.ascontiguousarray(instances).data, digest_size=16)
        content.update(json.dumps([instances.shape, colours]).encode())
        yield SHELF.put(f"cells {content.hexdigest()}", lambda: Cells(instances, colours))[0]


def _css(verdict: str) -> str:
    return "#{:02x}{:02x}{:02x}".format(*COLOURS.get(verdict, PLAIN))


def _nothing() -> None:
    """Called in vain: without a callback the component tells nothing."""
