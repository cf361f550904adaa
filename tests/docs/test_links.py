"""Every link leads somewhere, and the README stays short."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import pages

MOST_LINES, WIDEST = 80, 120
LARGEST_BYTES = 250_000
every_page = pytest.mark.parametrize("path", pages.all_pages(), ids=pages.name)


def broken(path: Path, text: str) -> list[str]:
    """Links of a page that lead nowhere."""
    found = []
    for target in pages.links(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or not place.is_relative_to(pages.ROOT):
            found.append(f"{target}: there is no {place}")
        elif anchor and anchor not in pages.anchors(place.read_text(encoding="utf-8")):
            found.append(f"{target}: {place.name} has no heading #{anchor}")
    return found


@every_page
def test_links_and_images_lead_somewhere(path: Path) -> None:
    assert broken(path, path.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_noticed() -> None:
    heading = "# A `heading`, twice\n\n"
    text = f"{heading}{heading}[a](nothing.md) ![b](no.png) [c](#a-heading-twice-1) [d](#no)\n`[e](code.md)`"
    page = pages.ROOT / "docs" / "imagined.md"
    assert [line.split(":")[0] for line in broken(page, text)[:2]] == ["nothing.md", "no.png"]
    assert pages.anchors(text) == {"a-heading-twice", "a-heading-twice-1"}
    assert pages.links(text) == ["nothing.md", "no.png", "#a-heading-twice-1", "#no"]


@every_page
def test_a_page_of_the_site_links_to_pages_of_the_site_only(path: Path) -> None:
    if not path.is_relative_to(pages.ROOT / "docs"):
        pytest.skip("not a page of the site")
    outside = [
        target
        for target in pages.links(path.read_text(encoding="utf-8"))
        if "://" not in target
        and not (path.parent / target.partition("#")[0]).resolve().is_relative_to(pages.ROOT / "docs")
    ]
    assert outside == []


def test_the_readme_is_short_and_narrow() -> None:
    lines = (pages.ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > WIDEST] == []


def test_the_readme_shows_the_dashboard_and_the_microscope() -> None:
    text = (pages.ROOT / "README.md").read_text(encoding="utf-8")
    shown = [target for target in pages.links(text) if target.endswith(".png")]
    assert len(shown) == 2
    for target in shown:
        picture = pages.ROOT / target
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size <= LARGEST_BYTES
