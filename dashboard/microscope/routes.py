"""What the server answers beside Streamlit's pages: tiles, profiles, and the viewer's code. No address names a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from microscope.shelf import SHELF
from microscope.tiles import CHANNELS, Cells, Photograph, as_png

PREFIX = "/microscope"
VIEWER = Path(__file__).parent / "vendor" / "openseadragon.min.js"
KEPT = {
    "Cache-Control": "private, max-age=3600",
    "X-Content-Type-Options": "nosniff",
}  # an image of a name never changes


async def tile(request: Request) -> Response:
    """A tile as PNG; of an image with ``black`` and ``white``, and if not all ``channels``; of cells with ``fills`` (0 or 1)."""
    picture = SHELF.get(request.path_params["name"])
    if picture is None:
        return _refused("there is no such image any more: load the page again", 404)
    level, x, y = (int(request.path_params[each]) for each in ("level", "x", "y"))
    try:
        if isinstance(picture, Cells):
            fills = request.query_params.get("fills") == "1"
            content = await run_in_threadpool(lambda: as_png(picture.tile(level, x, y, fills)))
        else:
            black, white = _numbers(request.query_params, ("black", "white"))
            channels = request.query_params.get("channels", CHANNELS)
            content = await run_in_threadpool(lambda: as_png(picture.tile(level, x, y, black, white, channels)))
    except ValueError as error:
        return _refused(str(error), 400)
    return Response(content, media_type="image/png", headers=KEPT)


async def profile(request: Request) -> Response:
    """Values of an image along a line from (x0, y0) to (x1, y1) in pixels, as JSON: ``values``, numbers, or three for each."""
    picture = SHELF.get(request.path_params["name"])
    if not isinstance(picture, Photograph):
        return _refused("there is no such image any more: load the page again", 404)
    try:
        x0, y0, x1, y1 = _numbers(request.query_params, ("x0", "y0", "x1", "y1"))
        values = await run_in_threadpool(picture.profile, (x0, y0), (x1, y1))
    except ValueError as error:
        return _refused(str(error), 400)
    known = values.astype(object)
    known[~np.isfinite(values)] = None  # JSON has no nan
    return Response(json.dumps({"values": known.tolist()}), media_type="application/json", headers=KEPT)


async def viewer(request: Request) -> Response:
    """OpenSeadragon."""
    del request
    return FileResponse(VIEWER, media_type="text/javascript", headers=KEPT)


def _numbers(parameters: Mapping[str, str], names: tuple[str, ...]) -> tuple[float, ...]:
    """Finite numbers of an address.

    Raises:
        ValueError: one is missing, or is none.
    """
    found = []
    for name in names:
        value = float(parameters.get(name, "nan"))
        if not math.isfinite(value):
            raise ValueError(f"expected a number {name}, got {parameters.get(name, 'nothing')}")
        found.append(value)
    return tuple(found)


def _refused(why: str, status: int) -> Response:
    return Response(why, status, media_type="text/plain", headers={"Cache-Control": "no-store"})


ROUTES = [
    Route(f"{PREFIX}/tiles/{{name}}/{{level:int}}/{{x:int}}_{{y:int}}.png", tile),
    Route(f"{PREFIX}/profiles/{{name}}", profile),
    Route(f"{PREFIX}/viewer.js", viewer),
]
