"""Movies of cameras are read frame by frame, with all their bits and times, or refused by name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import tifffile

from brightfield import images
from brightfield.errors import BrightfieldError
from brightfield.images.formats import video

RATE = 12.5
MOVIE = np.random.default_rng(0).integers(0, 256, (9, 32, 48), dtype=np.uint8)
DEEP = np.random.default_rng(0).integers(0, 1024, (9, 32, 48), dtype=np.uint16)
COLOUR = np.random.default_rng(0).integers(0, 256, (9, 32, 48, 3), dtype=np.uint8)


def ffmpeg(*arguments: str, data: bytes = b"") -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", "-y", *arguments], input=data, check=True, capture_output=True)


def write(path: Path, movie: np.ndarray, kind: str, *options: str) -> None:
    size = f"{movie.shape[2]}x{movie.shape[1]}"
    raw = ("-f", "rawvideo", "-pix_fmt", kind, "-s", size, "-r", str(RATE), "-i", "-")
    ffmpeg(*raw, *options, str(path), data=movie.tobytes())


@pytest.mark.parametrize(
    ("name", "movie", "kind", "options"),
    [
        ("a.mkv", MOVIE, "gray", ("-c:v", "ffv1")),
        ("a.avi", MOVIE, "gray", ("-c:v", "rawvideo")),
        ("a.avi", COLOUR, "bgr24", ("-c:v", "rawvideo")),
        ("a.avi", COLOUR, "rgb24", ("-c:v", "ffv1", "-pix_fmt", "bgr0")),
        ("a.mkv", DEEP, "gray10le", ("-c:v", "ffv1")),
        ("a.mkv", DEEP, "gray16le", ("-c:v", "ffv1")),
        ("a.mov", MOVIE, "gray", ("-c:v", "png")),
        ("a.mp4", COLOUR, "rgb24", ("-c:v", "libx264rgb", "-qp", "0")),
    ],
)
def test_frames_without_loss_are_exact(
    tmp_path: Path, name: str, movie: np.ndarray, kind: str, options: tuple[str, ...]
) -> None:
    write(tmp_path / name, movie, kind, *options)
    expected = movie[..., ::-1] if kind == "bgr24" else movie
    found = images.read_stack(tmp_path / name)
    assert found.dtype == movie.dtype
    np.testing.assert_array_equal(found, expected)
    header = images.header(tmp_path / name)
    assert header.frame_rate_hz == pytest.approx(RATE)
    assert header.times_s == pytest.approx([i / RATE for i in range(9)], abs=1e-3)
    assert images.frame_count(tmp_path / name) == 9
    assert [name for name, _ in images.frames([tmp_path / name])][:2] == ["a_0000", "a_0001"]


def test_a_compressed_movie_is_close_to_what_the_camera_saw(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:64, :96]
    smooth = [(60 + rows + columns + 3 * i).astype(np.uint8) for i in range(30)]
    write(tmp_path / "a.mp4", np.stack(smooth), "gray", "-c:v", "libx264", "-crf", "12", "-pix_fmt", "yuv420p")
    found = np.stack([images.to_grey(frame) for frame in images.read_stack(tmp_path / "a.mp4")])
    assert np.abs(found.astype(int) - np.stack(smooth)).mean() < 2


def test_frames_out_of_order(tmp_path: Path) -> None:
    from brightfield.images.opening import open_frames

    write(tmp_path / "a.mkv", MOVIE, "gray", "-c:v", "ffv1")
    with open_frames(tmp_path / "a.mkv") as source:
        for number in (5, 2, 3, 8, 0):
            np.testing.assert_array_equal(source.get(number), MOVIE[number])


def test_times_that_are_not_even_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", MOVIE, "gray", "-c:v", "ffv1", "-vf", "setpts='N*N*0.08/TB'", "-fps_mode", "passthrough")
    assert images.header(tmp_path / "a.mkv").times_s == pytest.approx([0.08 * i * i for i in range(9)], abs=2e-3)
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.mkv"), MOVIE)


def test_a_turned_camera_is_shown_upright(tmp_path: Path) -> None:
    write(tmp_path / "flat.mp4", COLOUR, "rgb24", "-c:v", "libx264rgb", "-qp", "0")
    ffmpeg("-display_rotation", "90", "-i", str(tmp_path / "flat.mp4"), "-c", "copy", str(tmp_path / "turned.mp4"))
    np.testing.assert_array_equal(images.read_stack(tmp_path / "turned.mp4"), np.rot90(COLOUR, axes=(1, 2)))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.avi", ("-c:v", "rawvideo")),
        ("a.avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
        ("a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p")),
        ("a.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "faststart")),
        ("a.mkv", ("-c:v", "ffv1", "-slicecrc", "1")),
    ],
)
def test_a_cut_movie_is_refused(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    write(tmp_path / name, MOVIE, "gray", *options)
    data = (tmp_path / name).read_bytes()
    for share in (0.1, 0.4, 0.7, 0.9):
        (tmp_path / name).write_bytes(data[: int(len(data) * share)])
        with pytest.raises(BrightfieldError, match=name):
            images.read_stack(tmp_path / name)


def test_flipped_bytes_never_give_other_frames_of_a_checked_movie(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", MOVIE[:3], "gray", "-c:v", "ffv1", "-level", "3", "-slicecrc", "1")
    data = (tmp_path / "a.mkv").read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(12):
        broken = bytearray(data)
        broken[rng.integers(600, len(data) - 200)] ^= 0xFF
        (tmp_path / "a.mkv").write_bytes(broken)
        try:
            np.testing.assert_array_equal(images.read_stack(tmp_path / "a.mkv"), MOVIE[:3])
        except BrightfieldError:
            refused += 1
    assert refused >= 10


def test_a_playlist_cannot_name_other_files(tmp_path: Path) -> None:
    write(tmp_path / "secret.mp4", MOVIE, "gray", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{tmp_path}/secret.mp4'\n",
    ):
        (tmp_path / "a.mp4").write_text(text)
        with pytest.raises(BrightfieldError, match=r"a.mp4 cannot be read as an image: ffmpeg refuses it"):
            images.read_stack(tmp_path / "a.mp4")


def test_what_is_no_movie_and_no_label_image_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.mp4", MOVIE)
    with pytest.raises(BrightfieldError, match=r"a.mp4 cannot be read as an image"):
        images.read_stack(tmp_path / "a.mp4")
    write(tmp_path / "labels.mp4", MOVIE, "gray", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    with pytest.raises(BrightfieldError, match=r"labels.mp4 is a movie, expected a label image"):
        images.read_labels(tmp_path / "labels.mp4")


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mpeg4"), ("a.mpg", "mpeg2video")])
def test_packets_without_a_time_to_be_shown(tmp_path: Path, name: str, codec: str) -> None:
    """Frames that are predicted from later ones have no such time in AVI and MPEG."""
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", "48x32", "-r", "25", "-i", "-")
    ffmpeg(*raw, "-c:v", codec, "-bf", "2", str(tmp_path / name), data=MOVIE.tobytes())
    header = images.header(tmp_path / name)
    assert header.times_s == pytest.approx([i / 25 for i in range(9)], abs=1e-4)


def test_packets_without_any_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", MOVIE, "gray", "-c:v", "ffv1")
    run = video._run

    def without_times(path: Path, wanted: list[str], *others: Any) -> tuple[str, str]:
        packets, said = run(path, wanted, *others)
        return re.sub(r"^0, *\S+, *\S+,", f"0, {-(2**63)}, {-(2**63)},", packets, flags=re.MULTILINE), said

    monkeypatch.setattr(video, "_run", without_times)
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.mkv"), MOVIE)
    header = images.header(tmp_path / "a.mkv")
    assert (header.times_s, header.notes) == ((), ("it does not state the time of each frame",))


def test_a_movie_cut_by_an_edit_list_begins_where_it_is_shown(tmp_path: Path) -> None:
    write(tmp_path / "whole.mp4", COLOUR, "rgb24", "-c:v", "libx264rgb", "-qp", "0", "-bf", "0")
    ffmpeg("-ss", "0.32", "-i", str(tmp_path / "whole.mp4"), "-c", "copy", str(tmp_path / "cut.mp4"))
    np.testing.assert_array_equal(images.read_stack(tmp_path / "cut.mp4"), COLOUR[4:])
    assert images.header(tmp_path / "cut.mp4").times_s == pytest.approx([i / RATE for i in range(5)], abs=1e-3)
