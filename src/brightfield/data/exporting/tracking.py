"""Movies as TIFF stacks, with positions for trackpy (one CSV) or TrackMate (one XML file per movie)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import TaskSettings

_RADIUS_PX = 5.0  # radius of the circles that TrackMate draws; the radius of the beads is not known
_FEATURES = (  # key, name, short name, dimension, whether it is a whole number
    ("QUALITY", "Quality", "Quality", "QUALITY", "false"),
    ("POSITION_X", "X", "X", "POSITION", "false"),
    ("POSITION_Y", "Y", "Y", "POSITION", "false"),
    ("POSITION_Z", "Z", "Z", "POSITION", "false"),
    ("POSITION_T", "T", "T", "TIME", "false"),
    ("FRAME", "Frame", "Frame", "NONE", "true"),
    ("RADIUS", "Radius", "R", "LENGTH", "false"),
    ("VISIBILITY", "Visibility", "Visibility", "NONE", "true"),
)


@dataclass(frozen=True)
class _Movie:
    """Name, written files, (H, W) and for each frame (N, 2) x and y in px, or None if the frame is not labelled."""

    name: str
    files: list[tuple[str, str]]
    shape: tuple[int, int]
    positions: list[npt.NDArray[np.float64] | None]


def write_trackpy(records: ImageSet, folder: Path, settings: TaskSettings) -> Iterator[tuple[str, str]]:
    """Write a stack for each movie and ``positions.csv`` (movie, frame, x, y); yields file and group.

    A frame without beads has one row with x and y left empty.
    """
    rows: list[tuple[str, int, float, float]] = []
    for movie in _movies(records, folder, settings):
        for frame, xy in enumerate(movie.positions):
            if xy is not None:
                rows += [(movie.name, frame, x, y) for x, y in (xy.tolist() or [(np.nan, np.nan)])]
        yield from movie.files
    if rows:
        table = pd.DataFrame(rows, columns=["movie", "frame", "x", "y"])
        table.to_csv(folder / "positions.csv", index=False, lineterminator="\n")


def write_trackmate(records: ImageSet, folder: Path, settings: TaskSettings) -> Iterator[tuple[str, str]]:
    """Write a stack for each movie and an XML file beside it that TrackMate loads; yields file and group."""
    for movie in _movies(records, folder, settings):
        tree = ElementTree.ElementTree(_trackmate(movie, settings.pixel_size_um))
        ElementTree.indent(tree)
        if any(xy is not None for xy in movie.positions):
            tree.write(folder / f"{movie.name}.xml", encoding="UTF-8", xml_declaration=True)
        yield from movie.files


def _movies(records: ImageSet, folder: Path, settings: TaskSettings) -> Iterator[_Movie]:
    """Write the images of each movie, and yield the movie."""
    rows: dict[str, list[int]] = {}
    index = records.index
    names = index["movie"].astype(str) if "movie" in index else index["group"]
    if "suite" in index:  # each shift suite numbers its movies from the start
        names = names.where(index["suite"].isna(), index["suite"].astype(str) + "-" + names)
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    taken: set[str] = set()
    for name, members in rows.items():
        if "frame" in index:
            members = sorted(members, key=lambda row: float(index["frame"].iloc[row]))
        yield _write_movie(_safe(name, taken), [records[row] for row in members], folder, settings)


def _safe(name: str, taken: set[str]) -> str:
    """A unique path within the folder, made from the movie's name."""
    parts = [images.unique_name(part, set()) for part in name.split("/")]
    while "/".join(parts) in taken:
        parts[-1] += "_2"
    taken.add("/".join(parts))
    return "/".join(parts)


def _write_movie(name: str, frames: Sequence[Record], folder: Path, settings: TaskSettings) -> _Movie:
    shape = frames[0].image.shape
    if any(frame.image.shape != shape for frame in frames):
        raise BrightfieldError(f"The frames of {name} differ in size, expected a movie of one size.")
    positions = [frame.fields.get("positions") for frame in frames]
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    if len(frames) > 1 and len({frame.group for frame in frames}) == 1:
        file = f"{name}.tif"
        stack = np.stack([frame.image for frame in frames])
        images.write_tiff(folder / file, stack, pixel_size_um=settings.pixel_size_um)
        return _Movie(name, [(file, frames[0].group)], shape, positions)
    (folder / name).mkdir()  # single frames, which may have groups of their own
    files = [(f"{name}/{i:04d}.tif", frame.group) for i, frame in enumerate(frames)]
    for (file, _), frame in zip(files, frames, strict=True):
        images.write_tiff(folder / file, frame.image, pixel_size_um=settings.pixel_size_um)
    return _Movie(name, files, shape, positions)


def _trackmate(movie: _Movie, pixel_um: float) -> ElementTree.Element:
    """XML as TrackMate saves it after detection: spots in micrometres, no tracks; frames without labels are left out."""
    root = ElementTree.Element("TrackMate", version="7.11.1")
    ElementTree.SubElement(root, "Log")
    model = ElementTree.SubElement(root, "Model", spatialunits="micron", timeunits="frame")
    declared = ElementTree.SubElement(model, "FeatureDeclarations")
    features = ElementTree.SubElement(declared, "SpotFeatures")
    for key, name, short, dimension, whole in _FEATURES:
        ElementTree.SubElement(
            features, "Feature", feature=key, name=name, shortname=short, dimension=dimension, isint=whole
        )
    for empty in ("EdgeFeatures", "TrackFeatures"):
        ElementTree.SubElement(declared, empty)
    known = [(frame, xy) for frame, xy in enumerate(movie.positions) if xy is not None]
    spots = ElementTree.SubElement(model, "AllSpots", nspots=str(sum(len(xy) for _, xy in known)))
    number = 0
    for frame, xy in known:
        inside = ElementTree.SubElement(spots, "SpotsInFrame", frame=str(frame))
        for x, y in xy.tolist():
            ElementTree.SubElement(inside, "Spot", _spot(number, frame, x * pixel_um, y * pixel_um, pixel_um))
            number += 1
    for empty in ("AllTracks", "FilteredTracks"):
        ElementTree.SubElement(model, empty)
    root.append(_settings(movie, pixel_um))
    ElementTree.SubElement(root, "GUIState", state="ConfigureViews")
    return root


def _spot(number: int, frame: int, x_um: float, y_um: float, pixel_um: float) -> dict[str, str]:
    values = {"QUALITY": 1.0, "POSITION_X": x_um, "POSITION_Y": y_um, "POSITION_Z": 0.0, "POSITION_T": float(frame)}
    values["RADIUS"] = _RADIUS_PX * pixel_um
    whole = {"ID": number, "FRAME": frame, "VISIBILITY": 1}
    return {"name": f"ID{number}"} | {key: repr(value) for key, value in (values | whole).items()}


def _settings(movie: _Movie, pixel_um: float) -> ElementTree.Element:
    settings = ElementTree.Element("Settings")
    file = Path(movie.files[0][0]).name
    height, width = movie.shape
    sizes = {"width": width, "height": height, "nslices": 1, "nframes": len(movie.positions)}
    steps = {"pixelwidth": pixel_um, "pixelheight": pixel_um, "voxeldepth": 1.0, "timeinterval": 1.0}
    ElementTree.SubElement(
        settings, "ImageData", {"filename": file, "folder": ""} | {k: repr(v) for k, v in (sizes | steps).items()}
    )
    ElementTree.SubElement(settings, "InitialSpotFilter", feature="QUALITY", value="0.0", isabove="true")
    for empty in ("SpotFilterCollection", "TrackFilterCollection"):
        ElementTree.SubElement(settings, empty)
    analyzers = ElementTree.SubElement(settings, "AnalyzerCollection")
    for empty in ("SpotAnalyzers", "EdgeAnalyzers", "TrackAnalyzers"):
        ElementTree.SubElement(analyzers, empty)
    return settings
