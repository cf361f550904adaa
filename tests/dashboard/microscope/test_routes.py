"""What the server answers to a browser, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import PIL.Image
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from microscope.routes import ROUTES
from microscope.shelf import SHELF
from microscope.tiles import Cells, Photograph

PIXELS = np.arange(600 * 700, dtype=np.uint32).reshape(600, 700)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=ROUTES)) as found:
        yield found


@pytest.fixture
def photograph() -> str:
    return SHELF.put("routes photograph", lambda: Photograph(PIXELS))[0]


@pytest.fixture
def cells() -> str:
    return SHELF.put("routes cells", lambda: Cells(np.kron(np.eye(2, dtype=np.int32), np.ones((4, 4), np.int32)), []))[
        0
    ]


def test_a_tile_of_an_image(client: TestClient, photograph: str) -> None:
    answer = client.get(f"/microscope/tiles/{photograph}/10/1_1.png", params={"black": 0, "white": PIXELS.max()})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "private" in answer.headers["cache-control"]  # no proxy keeps it
    with PIL.Image.open(io.BytesIO(answer.content), formats=("PNG",)) as tile:
        assert tile.size == (700 - 512, 600 - 512)
        assert np.asarray(tile).max() == 255


def test_a_tile_of_cells(client: TestClient, cells: str) -> None:
    lines, fills = (
        np.asarray(PIL.Image.open(io.BytesIO(client.get(f"/microscope/tiles/{cells}/3/0_0.png?fills={on}").content)))
        for on in (0, 1)
    )
    assert (fills[..., 3] > 0).sum() > (lines[..., 3] > 0).sum() > 0


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("tiles/{}/10/2_0.png?black=0&white=1", 400, "expected a tile"),
        ("tiles/{}/11/0_0.png?black=0&white=1", 400, "expected a level"),
        ("tiles/{}/10/0_0.png", 400, "expected a number black, got nothing"),
        ("tiles/{}/10/0_0.png?black=0&white=inf", 400, "expected a number white, got inf"),
        ("tiles/{}/10/0_0.png?black=<script>&white=1", 400, "could not convert"),
        ("tiles/{}/-1/0_0.png?black=0&white=1", 404, "Not Found"),
        ("tiles/unknown/10/0_0.png?black=0&white=1", 404, "load the page again"),
        ("tiles/..%2f..%2fetc%2fpasswd/1/0_0.png", 404, ""),
        ("profiles/{}?x0=0&y0=0&x1=9", 400, "expected a number y1, got nothing"),
        ("profiles/unknown?x0=0&y0=0&x1=9&y1=9", 404, "load the page again"),
    ],
)
def test_what_is_refused_says_why(client: TestClient, photograph: str, path: str, status: int, why: str) -> None:
    answer = client.get(f"/microscope/{path.format(photograph)}")
    assert answer.status_code == status
    assert why in answer.text
    assert answer.headers["content-type"].startswith("text/plain")  # what came is never shown as a page


def test_a_profile(client: TestClient, photograph: str) -> None:
    answer = client.get(f"/microscope/profiles/{photograph}", params={"x0": 0, "y0": 1, "x1": 3, "y1": 1})
    assert answer.json() == {"values": [700, 701, 702, 703]}


def test_what_is_unknown_along_a_profile_is_null(client: TestClient) -> None:
    name, _ = SHELF.put("routes unknown", lambda: Photograph(np.array([[1.0, np.nan], [1.0, 1.0]])))
    answer = client.get(f"/microscope/profiles/{name}", params={"x0": 0, "y0": 0, "x1": 1, "y1": 0})
    assert answer.json() == {"values": [None, None]}


def test_cells_have_no_profile(client: TestClient, cells: str) -> None:
    assert client.get(f"/microscope/profiles/{cells}", params={"x0": 0, "y0": 0, "x1": 1, "y1": 0}).status_code == 404


def test_the_viewer_comes_from_here(client: TestClient) -> None:
    answer = client.get("/microscope/viewer.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "OpenSeadragon" in answer.text


def test_a_channel_that_is_none_is_refused(client: TestClient, photograph: str) -> None:
    address = f"/microscope/tiles/{photograph}/0/0_0.png?black=0&white=255"
    assert client.get(f"{address}&channels=rb").status_code == 200
    answer = client.get(f"{address}&channels=..")
    assert answer.status_code == 400
    assert "expected channels of rgb" in answer.text
