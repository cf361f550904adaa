"""PNG and JPEG, by Pillow."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image
from brightfield.images.formats.source import MAX_PIXELS, Header, Source, check_size
from brightfield.images.orientation import TAG, upright
from brightfield.images.pixel_size import from_print_resolution
from brightfield.images.transparency import without_alpha

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = frozenset({"1", "L", "P", "RGB", "I;16", "I;16B", "I", "F", "LA", "RGBA"})
_REFUSED = {  # mode of Pillow -> what it is
    "CMYK": "CMYK (inks of a printer)",
    "LAB": "CIELAB",
}
_GREY = 0  # PNG's colour type of grey without alpha


@contextmanager
def open_picture(path: Path, indices: bool) -> Iterator[Source]:
    """Open a PNG or JPEG, whichever of the two the file is.

    Args:
        path: the file.
        indices: give numbers as they are stored: indices of a palette, and grey of fewer than 8 bits without scaling.
    """
    import PIL.Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # MAX_PIXELS is checked below
        try:
            picture = PIL.Image.open(path, formats=("PNG", "JPEG"))
        except PIL.Image.DecompressionBombError as error:
            raise BrightfieldError(f"{path}: {error} Expected at most {MAX_PIXELS:,} pixels.") from error
        with picture:
            check_size(path, picture.height, picture.width)
            notes = _check_frames(path, picture)
            yield Source(
                1,
                lambda _: upright(_pixels(path, picture, indices), _orientation(picture)),
                lambda: Header(from_print_resolution(_per_inch(picture)), notes=notes),
            )


def _check_frames(path: Path, picture: Any) -> tuple[str, ...]:
    """Notes on the further pictures of a file; raises BrightfieldError for an animation."""
    frames = getattr(picture, "n_frames", 1)
    if frames == 1:
        return ()
    if picture.format == "MPO":  # cameras and telephones append previews, or the picture of a second lens
        return (f"the first of {frames} pictures was read, the others are previews or other views",)
    raise BrightfieldError(
        f"{path} is an animation of {frames} frames, expected one image. Save each frame as a file of its own."
    )


def _per_inch(picture: Any) -> tuple[float, float]:
    found = picture.info.get("dpi", (0, 0))
    return float(found[0]), float(found[1])


def _orientation(picture: Any) -> int:
    return int(picture.getexif().get(TAG, 1) or 1)


def _pixels(path: Path, picture: Any, indices: bool) -> Image:
    if picture.mode not in _MODES:
        what = _REFUSED.get(picture.mode, f"the mode {picture.mode}")
        raise BrightfieldError(f"{path} is saved in {what}, expected grey or RGB. Save it again as grey or RGB.")
    depth, colour = _depth(path, picture)
    if depth == 16 and colour != _GREY:  # Pillow would reduce 16-bit colour to 8 bits
        import imagecodecs

        array = np.asarray(imagecodecs.png_decode(path.read_bytes()))
        return without_alpha(path, array, 1) if array.shape[-1] in (2, 4) else array
    if "transparency" in picture.info and not indices:
        return _opaque(path, picture, depth)
    if picture.mode == "P":
        return _palette(picture, indices)
    array = np.asarray(picture)
    if indices and depth < 8 and array.dtype == np.uint8:  # Pillow spreads few bits over 0 to 255
        array = array // (255 // (2**depth - 1))
    return without_alpha(path, array, 1) if picture.mode in ("LA", "RGBA") else array


def _palette(picture: Any, indices: bool) -> Image:
    if indices:
        return np.asarray(picture)
    _check_palette(picture)
    rgb = np.asarray(picture.convert("RGB"))
    return rgb[..., 0] if (rgb == rgb[..., :1]).all() else rgb


def _check_palette(picture: Any) -> None:
    """Refuse pixels beyond the colours that a file lists: Pillow would make them black without a message."""
    most, colours = int(np.asarray(picture).max(initial=0)), len(picture.palette.palette) // len(picture.palette.mode)
    if most >= colours:
        raise ValueError(f"its palette has {colours} colours, its pixels go up to {most}")


def _opaque(path: Path, picture: Any, depth: int) -> Image:
    """The pixels of a picture in which one colour, or some of a palette, are transparent."""
    if picture.mode in ("1", "L", "I;16", "I"):
        array = np.asarray(picture)
        array = array.astype(np.uint8) * np.uint8(255) if picture.mode == "1" else array
        # Pillow spreads few bits over 0 to 255, but not the number that is transparent
        transparent = int(picture.info["transparency"]) * (255 // (2**depth - 1) if 1 < depth < 8 else 1)
        transparent = 255 * bool(transparent) if picture.mode == "1" else transparent
        alpha = (array != transparent).astype(np.uint8)
        return without_alpha(path, np.dstack([array, alpha]), 1)
    if picture.mode == "P":
        _check_palette(picture)
    rgba = without_alpha(path, np.asarray(picture.convert("RGBA")), 1)
    return rgba[..., 0] if (rgba == rgba[..., :1]).all() else rgba


def _depth(path: Path, picture: Any) -> tuple[int, int]:
    """Bits per sample and colour type of a PNG; (8, 0) for JPEG."""
    if picture.format != "PNG":
        return 8, _GREY
    with path.open("rb") as file:
        depth, colour = file.read(26)[24:26]
    return depth, colour
