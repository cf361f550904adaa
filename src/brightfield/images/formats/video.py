"""Movies as cameras write them (MP4, AVI, MOV, MKV, ...), decoded by ffmpeg in a process of its own.

A damaged or hostile file can then end that process, and nothing else. ffmpeg comes with the package imageio-ffmpeg.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from brightfield.errors import BrightfieldError
from brightfield.images.arrays import Image
from brightfield.images.formats.source import MAX_PIXELS, Header, Source, check_size

SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
PROBE_SECONDS = 120.0  # time limit for the first frame
LACKING = 2.0  # frames by which a movie may end before its header says so
COUNT_SECONDS = 3600.0  # time limit for reading through a file without decoding it
# no playlists, which name other files, and nothing from a network
_INPUT = ("-protocol_whitelist", "file", "-format_whitelist", "mov,mp4,avi,matroska,webm,mpeg,mpegts,mpegvideo,asf")
# a part that cannot be decoded ends the run: ffmpeg would otherwise fill it from the frames before it
_STRICT = ("-xerror", "-err_detect", "crccheck+bitstream+buffer+explode", "-max_pixels", str(MAX_PIXELS))
_ALL_FRAMES = ("-map", "0:v:0", "-fps_mode", "passthrough")  # none is doubled or dropped to even out the frame rate
_ROUNDING = ("-sws_flags", "accurate_rnd+full_chroma_inp+full_chroma_int")
_FRAME = re.compile(r"\] n: *0 .* fmt:(\w+) .* s:(\d+)x(\d+) ")
_TIME_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)", re.MULTILINE)
_DEEP = re.compile(r"(p9|p1[0-9]|48|64|f16|f32|x2)(le|be)?$|^(p01|p21|p41|y21|xv)")
_HARMLESS = re.compile(r"APP fields|EOI missing|Last message repeated")  # said of whole movies of some cameras
_UNKNOWN, _DISCARD = -(2**63), 4  # ffmpeg's number for no time, and the bit of a packet that is decoded but not shown
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
_AVI_FRAMES = slice(48, 52)  # bytes of the number of frames in the header of an AVI


@dataclass(frozen=True)
class _Format:
    """How frames are asked for: ffmpeg's name, the type of a number, and the numbers of a pixel."""

    name: str
    dtype: str
    channels: int


@dataclass(frozen=True)
class _First:
    """Pixel format, width and height of the first frame, and the time at which the movie ends by its header, if known."""

    kind: str
    width: int
    height: int
    ends_s: float | None


@contextmanager
def open_video(path: Path, indices: bool) -> Iterator[Source]:
    """Open the first video of a file; frames are read fastest in their order."""
    if indices:
        raise BrightfieldError(f"{path} is a movie, expected a label image: video compression changes numbers.")
    first = _probe(path)
    check_size(path, first.height, first.width)
    count, times = _frames(path, first.ends_s)
    notes = () if times else ("it does not state the time of each frame",)
    decoder = _Decoder(path, _format(path, first.kind), (first.height, first.width), count)
    try:
        yield Source(count, decoder.get, lambda: Header(times_s=times if count > 1 else (), notes=notes))
    finally:
        decoder.stop()


def _probe(path: Path) -> _First:
    """What ffmpeg says of the file and of its first frame, turned as it is shown."""
    said = _run(path, [*_ALL_FRAMES, "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-"], PROBE_SECONDS, "info")[1]
    found = _FRAME.search(said)
    if found is None:
        raise ValueError("it holds no picture")
    ends = None if "Audio:" in said else _DURATION.search(said)  # sound may go on after the last frame
    ends_s = None if ends is None else 3600 * int(ends[1]) + 60 * int(ends[2]) + float(ends[3])
    return _First(found[1], int(found[2]), int(found[3]), ends_s)


def _frames(path: Path, ends_s: float | None) -> tuple[int, tuple[float, ...]]:
    """The number of frames, and the seconds of each from the first, from the packets of the file, which are not decoded."""
    packets = _run(path, [*_ALL_FRAMES, "-c", "copy", "-f", "framecrc", "-"], COUNT_SECONDS, "error")[0]
    base = _TIME_BASE.search(packets)
    if base is None:
        raise ValueError("it has no time base")
    rows = [line.split(",") for line in packets.splitlines() if line and not line.startswith("#")]
    rows = [row for row in rows if not _is_hidden(row)]
    if not rows:
        raise ValueError("it holds no frames")
    second = int(base[1]) / int(base[2])
    _check_avi(path, len(rows))
    ticks = _ticks(rows)
    if not ticks:
        return len(rows), ()
    found_s, last_s = (ticks[-1] - min(ticks[0], 0)) * second, int(rows[-1][3]) * second
    if (
        ends_s is not None
        and ends_s - found_s > LACKING * max(last_s, (ticks[-1] - ticks[0]) * second / len(ticks)) + 0.1
    ):
        raise BrightfieldError(
            f"{path} is truncated: its last frame is at {found_s:.2f} s, its header says that it ends at {ends_s:.2f} s. Copy it "
            "again from its source."
        )
    return len(rows), tuple((tick - ticks[0]) * second for tick in ticks)


def _is_hidden(row: list[str]) -> bool:
    """Whether a packet is decoded for the frames after it only: a movie cut by an edit list begins with such packets."""
    flags = [int(part.split("=")[1], 16) for part in row[5:] if part.strip().startswith("F=")]
    return any(flag & _DISCARD for flag in flags)


def _ticks(rows: list[list[str]]) -> list[int]:
    """When frames are shown, in order; else when they are decoded, which is as regular; none where neither is stated for all."""
    for column in (2, 1):
        ticks = sorted(int(row[column]) for row in rows)
        if ticks[0] > _UNKNOWN:
            return ticks
    return []


def _check_avi(path: Path, found: int) -> None:
    """Refuse an AVI with fewer frames than its header says: ffmpeg would read a cut one without a message."""
    with path.open("rb") as file:
        head = file.read(_AVI_FRAMES.stop)
    if head[:4] != b"RIFF" or head[8:12] != b"AVI ":
        return
    stated = int.from_bytes(head[_AVI_FRAMES], "little")
    size = 8 + int.from_bytes(head[4:8], "little")
    if found < stated and path.stat().st_size < size:  # beyond 1 GB an AVI goes on in further parts
        raise BrightfieldError(
            f"{path} is truncated: it holds {found} frames, its header says {stated}. Copy it again from its source."
        )


def _format(path: Path, kept: str) -> _Format:
    """The format in which frames are asked for: grey with all its bits where the file is grey, else RGB."""
    if kept.startswith("bayer"):
        raise BrightfieldError(
            f"{path} holds the raw mosaic of a colour sensor ({kept}), expected grey or RGB. Convert it with the program of the "
            "camera."
        )
    if kept.startswith("grayf32"):
        return _Format("grayf32le", "<f4", 1)
    deep_grey = re.match(r"(gray(?:9|10|12|14|16))", kept)
    if deep_grey:
        return _Format(f"{deep_grey[1]}le", "<u2", 1)
    if kept.startswith(("gray", "mono")):
        return _Format("gray", "u1", 1)
    return _Format("rgb48le", "<u2", 3) if _DEEP.search(kept) else _Format("rgb24", "u1", 3)


class _Decoder:
    """Gives frames by number; asking for an earlier one starts from the first again."""

    def __init__(self, path: Path, kind: _Format, shape: tuple[int, int], count: int) -> None:
        self.path, self.kind, self.count = path, kind, count
        self.shape = shape if kind.channels == 1 else (*shape, kind.channels)
        self.size = int(np.prod(self.shape)) * np.dtype(kind.dtype).itemsize
        self._next = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[Any] | None = None

    def get(self, number: int) -> Image:
        """The frame of a number, from 0."""
        if self._process is None or number < self._next:
            self._start()
        while True:
            frame = self._read()
            self._next += 1
            if self._next > number:
                return frame

    def _start(self) -> None:
        self.stop()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  a pipe that nobody reads would fill up
        wanted = [*_ALL_FRAMES, *_ROUNDING, "-pix_fmt", self.kind.name, "-f", "rawvideo", "-"]
        command = _command(self.path, wanted, "error")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said, bufsize=2**20
        )
        self._next = 0

    def _read(self) -> Image:
        assert self._process is not None
        assert self._process.stdout is not None
        data = self._process.stdout.read(self.size)
        whole = len(data) == self.size
        if not whole or self._next == self.count - 1:
            self._process.wait()  # what is wrong with the last frame may be said after it
        complaints = self._complaints()
        if complaints or not whole:
            raise ValueError(f"frame {self._next} of {self.count} cannot be decoded{_reason(complaints, self.path)}")
        return np.frombuffer(data, self.kind.dtype).reshape(self.shape)

    def _complaints(self) -> str:
        """What ffmpeg says is wrong so far: it goes on with other pixels in place of those that it cannot decode."""
        assert self._said is not None
        if os.fstat(self._said.fileno()).st_size == 0:
            return ""
        said = os.pread(self._said.fileno(), 10_000, 0).decode(errors="replace")
        return "\n".join(line for line in said.splitlines() if not _HARMLESS.search(line))

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process.wait()
        if self._said is not None:
            self._said.close()
        self._process = self._said = None


def _command(path: Path, wanted: list[str], level: str) -> list[str]:
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    return [program, "-nostdin", "-hide_banner", "-v", level, *_STRICT, *_INPUT, "-i", f"file:{path}", *wanted]


def _run(path: Path, wanted: list[str], seconds: float, level: str) -> tuple[str, str]:
    """What ffmpeg wrote as its result, and what it said."""
    try:
        done = subprocess.run(
            _command(path, wanted, level), capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"ffmpeg took more than {seconds:g} s") from error
    result, said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise ValueError(f"ffmpeg refuses it{_reason(said, path)}")
    return result, said


def _reason(said: str, path: Path) -> str:
    """The first complaint of ffmpeg, as the end of a sentence."""
    lines = [line for line in said.splitlines() if "rror" in line or "nvalid" in line or "not found" in line]
    line = re.sub(r"\[[^\]]*\] *", "", (lines or said.splitlines() or [""])[0]).replace(f"file:{path}", path.name)
    return f": {line.strip(' .')}" if line else ""
