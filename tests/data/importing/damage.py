"""Feeds damaged files to the importers, in a process whose memory is limited: ``python damage.py FOLDER COUNT MAX_BYTES``.

Prints one JSON object: how many files of each kind of damage were refused and imported, what went wrong, and the peak of memory.
"""

from __future__ import annotations

import io
import json
import random
import resource
import shutil
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import roifile
import tifffile

from brightfield import images
from brightfield.data.importing import guarded, import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings, SegmentationSettings, TrackingSettings

SHAPE = (24, 32)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 4000, SHAPE).astype(np.uint16)
CROP = RNG.integers(0, 255, (*SHAPE, 3), dtype=np.uint8)
STACK = RNG.integers(0, 4000, (3, *SHAPE)).astype(np.uint16)
LABELS = np.zeros(SHAPE, np.uint32)
LABELS[2:8, 3:9], LABELS[12:20, 4:12], LABELS[5:15, 20:28] = 1, 2, 3
SETTINGS = {
    "classification": ClassificationSettings(),
    "segmentation": SegmentationSettings(),
    "tracking": TrackingSettings(),
}


def _bytes_of(write: Callable[[Path], object], path: Path) -> bytes:
    write(path)
    return path.read_bytes()


def _h5(array: np.ndarray, **options: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            stored = file.create_dataset("exported_data", data=array, **options)
            stored.attrs["axistags"] = json.dumps({"axes": [{"key": "y"}, {"key": "x"}]})

    return write


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for i, (x, y) in enumerate([(2, 3), (10, 8), (20, 12)]):
            points = np.array([(x, y), (x + 6, y), (x + 7, y + 5), (x, y + 6)])
            file.writestr(f"{i}.roi", roifile.ImagejRoi.frompoints(points, name=str(i)).tobytes())


def _tiff(array: np.ndarray, **options: object) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, array, photometric="minisblack", **options)


# name of the damaged file -> kind of task, and whole files of it
def bases(folder: Path) -> dict[str, tuple[str, list[bytes]]]:
    def many(name: str, *writers: Callable[[Path], object]) -> list[bytes]:
        return [_bytes_of(write, folder / Path(name).name) for write in writers]

    return {
        "good/a_1.png": ("classification", many("a.png", lambda path: images.write_png(path, CROP))),
        "image.tif": ("segmentation", many("a.tif", _tiff(PIXELS), _tiff(PIXELS, compression="zlib"))),
        "run.tif": ("tracking", many("b.tif", _tiff(STACK), _tiff(STACK, compression="zlib"))),
        "labels.h5": ("segmentation", many("c.h5", _h5(LABELS), _h5(LABELS, compression="gzip", chunks=(12, 16)))),
        "RoiSet.zip": ("segmentation", many("d.zip", _zip)),
    }


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def huge(data: bytes, rng: random.Random) -> bytes:
    """A number somewhere in the headers becomes as large as it can."""
    at = rng.randrange(4, min(len(data), 700) - 8)
    return data[:at] + rng.choice([b"\xff" * 2, b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\xff" * 8]) + data[at + 8 :]


def zeroed(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return (data[:start] + bytes(rng.randrange(1, 200)) + data[start + 200 :])[: len(data)]


def emptied(data: bytes, rng: random.Random) -> bytes:
    return bytes(rng.choice([0, len(data)]))


def text(data: bytes, rng: random.Random) -> bytes:
    return b"frame,x,y\n0,1,2\n" * rng.randrange(1, 20)


def of_another_type(data: bytes, rng: random.Random) -> bytes:
    """A whole file of another format, or a PNG that claims another size and holds to its checksums."""
    other = io.BytesIO()
    if data[:4] == b"\x89PNG":
        header = b"IHDR" + struct.pack(">II", 2**30, 2**30) + data[24:29]
        return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    np.save(other, PIXELS.astype(np.complex64))
    return other.getvalue()


DAMAGES = (truncated, truncated, flipped, flipped, huge, zeroed, emptied, text, of_another_type)
HOPELESS = {"emptied", "text", "of_another_type"}


def scene(folder: Path, name: str, data: bytes, whole: Mapping[str, bytes]) -> None:
    """The damaged file, and what belongs beside it."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(data)
    if name == "good/a_1.png":
        (folder / "bad").mkdir()
        images.write_png(folder / "bad" / "a_2.png", np.flip(CROP).copy())
    elif name == "image.tif":
        (folder / "labels.tif").write_bytes(whole["labels"])
    elif name in ("labels.h5", "RoiSet.zip"):
        (folder / "image.tif").write_bytes(whole["image"])


def outcome(folder: Path, name: str, kind: str) -> tuple[str, list[np.ndarray]]:
    """``refused`` or ``imported``, and then the arrays."""
    source, destination = folder / "source", folder / "raw" / "mine"
    try:
        import_dataset(kind, source, destination, settings=SETTINGS[kind])
    except BrightfieldError:
        left = list((folder / "raw").iterdir()) if (folder / "raw").exists() else []
        return ("refused" if not left else f"refused, but left {left}"), []
    records = list(ImageSet.raw(destination))
    truth = [record.fields["labels"] for record in records if "labels" in record.fields]
    pixels = [record.image for record in records if name != "good/a_1.png" or record.row["label"] == 1]
    return "imported", truth if name in ("labels.h5", "RoiSet.zip") else pixels


def main(folder: Path, count: int, most: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    guarded.SECONDS = 15.0
    rng = random.Random(7)
    folder.mkdir()
    files = bases(folder)
    whole = {
        "labels": _bytes_of(_tiff(LABELS.astype(np.uint16)), folder / "labels.tif"),
        "image": files["image.tif"][1][0],
    }
    intact: dict[bytes, list[np.ndarray]] = {}
    for name, (kind, contents) in files.items():  # what is not damaged must be taken
        for data in contents:
            scene(folder / "source", name, data, whole)
            intact[data] = outcome(folder, name, kind)[1]
            assert intact[data], f"{name} was refused"
            shutil.rmtree(folder / "source")
            shutil.rmtree(folder / "raw")
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for i in range(count):
        name = list(files)[i % len(files)]
        kind, contents = files[name]
        data = rng.choice(contents)
        damage = rng.choice(DAMAGES)
        scene(folder / "source", name, damage(data, rng), whole)
        try:
            result, arrays = outcome(folder, name, kind)
        except BaseException as error:
            result, arrays = f"{type(error).__name__}: {error}", []
        good = result == "refused"
        if result == "imported":
            expected = intact[data]
            good = damage.__name__ not in HOPELESS and len(arrays) == len(expected)
            if damage is truncated:  # nothing that matters was cut off
                good = good and all(np.array_equal(a, b) for a, b in zip(arrays, expected, strict=True))
        counts[f"{damage.__name__} {name}: {result[:40]}"] += 1
        if not good:
            wrong.append(f"{i} {damage.__name__} {name}: {result[:300]} {[a.shape for a in arrays]}")
        shutil.rmtree(folder / "source")
        shutil.rmtree(folder / "raw", ignore_errors=True)
    print(json.dumps({"counts": counts, "wrong": wrong, "peak": peak()}))


def peak() -> int:
    """The most memory this process had, in bytes; ru_maxrss would count that of the process it was started from."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
