"""Reads files in many ways of writing: ``python fuzz.py FOLDER COUNT SEED``.

Pictures, tables and label images are written from a seed by recombining types, headers, pages, modes and dialects, each with what
it must be read as. Prints one JSON object: how many were read, how many refused, what was wrong, and the peak of memory in bytes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import tifffile
from scipy import ndimage

sys.path.append(str(Path(__file__).parent))

import ways
from brightfield import images
from brightfield.data.importing import labels as label_files
from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import read_csv
from dialects import NUMBERS, Dialect, Row, written

Verdict = str  # read, refused, or a sentence that says what was wrong


def picture(folder: Path, number: int, seed: int) -> Verdict:
    return ways.verdict(ways.write(folder, number, seed), images.read, BrightfieldError)


# --- tables -------------------------------------------------------------------------------------------------------------


def table(folder: Path, number: int, seed: int) -> Verdict:
    rng = np.random.default_rng([seed, 1, number])
    dialect = _dialect(rng)
    rows = [_row(rng) for _ in range(int(rng.integers(1, 12)))]
    path = folder / f"table{number}.csv"
    dialect.write(path, rows)
    try:
        found = read_csv(path, ("frame", "x", "y"), text=("image",), optional=("quality",))
    except BrightfieldError as error:
        unquoted = dialect.quoting == "none" and dialect.delimiter == ","  # a name with a comma is two cells
        fair = (unquoted or not dialect.is_plain) and "\n" not in str(error) and path.name in str(error)
        return "refused" if fair else f"{dialect}: refused: {error}"
    expected = [[float(row[0]), *(written(row[i], dialect) for i in (1, 2, 4))] for row in rows]
    same = np.array_equal(found[list(NUMBERS)].to_numpy(float), np.array(expected), equal_nan=True)
    return "read" if same and found["image"].tolist() == [row[3] for row in rows] else f"{dialect}: other numbers"


def _dialect(rng: np.random.Generator) -> Dialect:
    def one(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    decimal, decimals = one(*".,"), one(None, 0, 1, 2, 3, 6)
    other = {".": ",", ",": "."}[decimal]
    return Dialect(
        delimiter=one(*",;\t"),
        decimal=decimal,
        decimals=decimals,
        thousands=one("", "", other) if decimals in (2, 6) else "",  # 1,234 alone is either
        encoding=one("utf-8", "utf-8-sig", "utf-16", "cp1252"),
        end=one("\n", "\r\n", "\r"),
        index=one(None, "", " "),
        trailing=one((False, False), (True, True), (False, True)),
        quoting=one("needed", "all", "text", "none"),
        blank_lines=one(False, True),
        spaced=one(False, True),
    )


def _row(rng: np.random.Generator) -> Row:
    x, y = rng.uniform(0, 3000, 2) if rng.integers(3) else rng.integers(0, 3000, 2).astype(float)
    name = ["a.tif", "für é.tif", "1,5", "1;5"][int(rng.integers(4))]
    return int(rng.integers(0, 2000)), float(x), float(y), name, float(rng.uniform())


# --- labels -------------------------------------------------------------------------------------------------------------


def label_image(folder: Path, number: int, seed: int) -> Verdict:
    rng = np.random.default_rng([seed, 2, number])
    ids = _cells(rng)
    write, expected = LABELS[number % len(LABELS)](ids, rng)
    path = write(folder / f"labels{number}")
    try:
        found = label_files.read(path, ids.shape, (), lambda _: None)
    except BrightfieldError as error:
        fair = expected is None and "\n" not in str(error) and path.name in str(error)
        return "refused" if fair else f"{path.suffix} {LABELS[number % len(LABELS)].__name__}: refused: {error}"
    name = LABELS[number % len(LABELS)].__name__
    if expected is None:
        return f"{name}: read, expected a refusal"
    return "read" if np.array_equal(found, expected) else f"{name}: other labels"


def _cells(rng: np.random.Generator) -> np.ndarray:
    """Some 30 boxes, apart from each other."""
    ids = np.zeros((120, 150), np.int32)
    places = [(y, x) for y in range(3, 110, 20) for x in range(3, 140, 25)]
    for i, (y, x) in enumerate(places, start=1):
        height, width = rng.integers(6, 15, 2)
        ids[y : y + height, x : x + width] = i
    return ids


_Written = tuple[Callable[[Path], Path], np.ndarray | None]


def _tiff(pixels: np.ndarray, **options: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        tifffile.imwrite(path.with_suffix(".tif"), pixels, **options)
        return path.with_suffix(".tif")

    return write


def _picture(pixels: np.ndarray, suffix: str, **options: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        PIL.Image.fromarray(pixels).save(path.with_suffix(suffix), **options)
        return path.with_suffix(suffix)

    return write


def _npy(pixels: np.ndarray) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        np.save(path.with_suffix(".npy"), pixels)
        return path.with_suffix(".npy")

    return write


def whole_numbers(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    dtype = str(rng.choice(["u1", "u2", ">u2", "i4", "u4", "f4"]))
    return (_tiff(ids.astype(dtype), photometric="minisblack") if rng.integers(2) else _npy(ids.astype(dtype))), ids


def grey_png(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    return _picture(ids.astype([np.uint8, np.uint16][int(rng.integers(2))]), ".png"), ids


def gaps_in_the_numbers(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    numbers = np.sort(rng.choice(np.arange(1, 60_000), ids.max(), replace=False))
    other = np.concatenate([[0], numbers])[ids].astype(np.uint16)
    return _tiff(other, photometric="minisblack"), other.astype(np.int32)


def display_table(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    colours = rng.integers(0, 65536, (3, 256)).astype(np.uint16)
    return _tiff(ids.astype(np.uint8), photometric="palette", colormap=colours), ids


def grey_in_colour(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    return _picture(np.repeat(ids.astype(np.uint8)[..., None], 3, axis=2), ".png"), ids


def a_jpeg(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    return _picture(((ids > 0) * 255).astype(np.uint8), ".jpg", quality=int(rng.integers(50, 96))), None


def soft_edges(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    soft = ndimage.gaussian_filter((ids > 0) * 255.0, float(rng.uniform(0.7, 2)))
    return _picture(np.rint(soft).astype(np.uint8), ".png"), None


def wrapped_at_255(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    many = np.kron(np.arange(1, 401).reshape(20, 20), np.pad(np.ones((4, 5), int), ((1, 1), (1, 1))))
    return _tiff(many.astype(np.uint8), photometric="minisblack"), None


def ground_that_is_not_0(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    return _tiff((ids + 1).astype(np.uint16), photometric="minisblack"), None


def fractions(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    return _npy(ids * 0.5), None


def colours(ids: np.ndarray, rng: np.random.Generator) -> _Written:
    table = rng.integers(0, 256, (ids.max() + 1, 3)).astype(np.uint8)
    table[0] = 0
    return _picture(table[ids], ".png"), None


LABELS: tuple[Callable[[np.ndarray, np.random.Generator], _Written], ...] = (
    whole_numbers,
    grey_png,
    gaps_in_the_numbers,
    display_table,
    grey_in_colour,
    a_jpeg,
    soft_edges,
    wrapped_at_255,
    ground_that_is_not_0,
    fractions,
    colours,
)
KINDS = {"pictures": picture, "tables": table, "labels": label_image}
SHARES = ("pictures", "pictures", "tables", "labels")


def _peak() -> int:
    """The most memory that this program took, in bytes; Linux counts in ``ru_maxrss`` what the one that started it had."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(exist_ok=True)
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    begun = time.process_time()
    for i in range(count):
        kind = SHARES[i % len(SHARES)]
        try:
            verdict = KINDS[kind](folder, i // len(SHARES) * SHARES.count(kind) + i % 2 * (kind == "pictures"), seed)
        except Exception as error:  # anything else than our own error is a crash
            verdict = f"crashed: {type(error).__name__}: {error}"
        known = verdict in ("read", "refused")
        counts[f"{kind}: {verdict if known else 'wrong'}"] += 1
        if not known:
            wrong.append(f"{i} {kind}: {verdict}"[:400])
        for path in folder.iterdir():
            path.unlink()
    peak = _peak()
    print(json.dumps({"counts": counts, "wrong": wrong, "peak": peak, "seconds": time.process_time() - begun}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
