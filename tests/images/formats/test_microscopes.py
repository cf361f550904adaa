"""Microscopes' own files are read where bioio's readers are installed, and named where they are not."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from brightfield import images
from brightfield.errors import BrightfieldError

STACK = np.random.default_rng(0).integers(0, 4000, (5, 24, 40), dtype=np.uint16)


@pytest.mark.parametrize("name", ["a.nd2", "a.czi", "a.lif"])
def test_a_missing_reader_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    module = f"bioio_{name[-3:]}"
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BrightfieldError, match=rf"needs the reader {module}. Install it with `make formats`"):
        images.read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nd2", "a.czi", "a.lif"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str) -> None:
    pytest.importorskip(f"bioio_{name[-3:]}", reason="the extra 'formats' is not installed")
    (tmp_path / name).write_bytes(b"not such a file" * 100)
    with pytest.raises(BrightfieldError, match=f"{name} cannot be read as an image"):
        images.read(tmp_path / name)


def test_czi(tmp_path: Path) -> None:
    pytest.importorskip("bioio_czi", reason="the extra 'formats' is not installed")
    from pylibCZIrw import czi

    with czi.create_czi(str(tmp_path / "a.czi")) as file:
        for number, frame in enumerate(STACK):
            file.write(data=frame[..., None], plane={"T": number, "C": 0, "Z": 0})
        file.write_metadata(document_name="a", scale_x=1.3e-7, scale_y=1.3e-7)
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.czi"), STACK)
    assert images.header(tmp_path / "a.czi").pixel_size_um == pytest.approx(0.13)


def lif(path: Path, stack: np.ndarray, scenes: int = 1) -> None:
    """A LIF of one channel: XML with the axes, then a block of memory for each scene."""
    count, height, width = stack.shape
    axes = "".join(
        f'<DimensionDescription DimID="{axis}" NumberOfElements="{number}" Origin="0" Length="{length}" Unit="{unit}" '
        f'BitInc="0" BytesInc="{step}"/>'
        for axis, number, length, unit, step in (
            (1, width, 1.3e-7 * (width - 1), "m", 2),
            (2, height, 1.3e-7 * (height - 1), "m", 2 * width),
            (4, count, 0.25 * (count - 1), "s", 2 * width * height),
        )
    )
    channel = (
        '<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" NameOfMeasuredQuantity="" Min="0" Max="65535" '
        'Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="0" BitInc="0"/>'
    )
    elements = "".join(
        f'<Element Name="scene{i}" Visibility="1" CopyOption="1" UniqueID="{i}"><Data><Image><ImageDescription><Channels>'
        f"{channel}</Channels><Dimensions>{axes}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{stack.nbytes}" MemoryBlockID="MemBlock_{i}"/></Element>'
        for i in range(scenes)
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="a.lif" Visibility="1" CopyOption="1" UniqueID="root"><Data>'
        f'<Experiment Path=""/></Data><Memory Size="0" MemoryBlockID="MemBlock_root"/><Children>{elements}</Children></Element>'
        "</LMSDataContainerHeader>"
    ).encode("utf-16-le")
    with path.open("wb") as file:
        file.write(struct.pack("<iiBi", 0x70, len(xml) + 5, 0x2A, len(xml) // 2) + xml)
        for i in range(scenes):
            name = f"MemBlock_{i}".encode("utf-16-le")
            file.write(struct.pack("<iiBqBi", 0x70, len(name) + 14, 0x2A, stack.nbytes, 0x2A, len(name) // 2) + name)
            file.write(stack.tobytes())


def test_lif(tmp_path: Path) -> None:
    pytest.importorskip("bioio_lif", reason="the extra 'formats' is not installed")
    lif(tmp_path / "a.lif", STACK)
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.lif"), STACK)
    assert images.header(tmp_path / "a.lif").pixel_size_um == pytest.approx(0.13)
    lif(tmp_path / "b.lif", STACK, scenes=2)
    with pytest.raises(BrightfieldError, match="b.lif holds 2 scenes .*expected one"):
        images.read_stack(tmp_path / "b.lif")


def nd2(path: Path, stack: np.ndarray) -> None:
    """An ND2 of one channel as version 2 writes it: chunks with XML or pixels, then a map of the chunks."""

    def xml(**values: object) -> bytes:
        def node(name: str, value: object) -> str:
            if isinstance(value, dict):
                return f"<{name} runtype='CLxListVariant'>{''.join(node(*pair) for pair in value.items())}</{name}>"
            kind = {bool: "bool", int: "lx_uint32", float: "double", str: "CLxStringW"}[type(value)]
            return f"<{name} runtype='{kind}' value='{str(value).lower()}'/>"

        return f"<variant version='1.0'>{node('no_name', values)}</variant>".encode()

    count, height, width = stack.shape
    attributes = xml(
        uiWidth=width,
        uiWidthBytes=2 * width,
        uiHeight=height,
        uiComp=1,
        uiBpcInMemory=16,
        uiBpcSignificant=12,
        uiSequenceCount=count,
        eCompression=2,
    )
    probe = {"m_sName": "none"}
    plane = {"uiCompCount": 1, "uiSampleIndex": 0, "sDescription": "BF", "uiColor": 0, "pFluorescentProbe": probe}
    calibrated = xml(
        bCalibrated=True,
        dCalibration=0.13,
        dAspect=1.0,
        dObjectiveMag=60.0,
        sPicturePlanes={"uiCount": 1, "uiSampleCount": 1, "sPlaneNew": {"a0": plane}},
    )
    times = {"uiCount": count, "dStart": 0.0, "dPeriod": 250.0, "dDuration": 250.0 * count}
    loops = xml(eType=1, uiLevelCount=0, uLoopPars=times)
    named = {
        "ImageAttributes!": attributes,
        "ImageMetadataSeq|0!": calibrated,
        "ImageMetadata!": loops,
        "CustomData|AcqTimesCache!": (250.0 * np.arange(count)).tobytes(),
    }
    frames = {f"ImageDataSeq|{i}!": struct.pack("<d", 250.0 * i) + frame.tobytes() for i, frame in enumerate(stack)}

    def chunk(name: bytes, data: bytes, reserved: int) -> bytes:
        return struct.pack("<IIQ", 0x0ABECEDA, reserved, len(data)) + name.ljust(reserved, b"\0") + data

    body = chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver2.1".ljust(64, b"\0"), 32)
    places: dict[str, tuple[int, int]] = {}
    for name, data in (named | frames).items():
        body = body.ljust(-(-len(body) // 4096) * 4096, b"\0")
        places[name] = len(body), len(data)
        body += chunk(name.encode(), data, 4096 - 24)
    table = b"".join(name.encode() + struct.pack("<QQ", *place) for name, place in places.items())
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(body))
    path.write_bytes(body + chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", table + end, 32))


def test_nd2(tmp_path: Path) -> None:
    pytest.importorskip("bioio_nd2", reason="the extra 'formats' is not installed")
    nd2(tmp_path / "a.nd2", STACK)
    np.testing.assert_array_equal(images.read_stack(tmp_path / "a.nd2"), STACK)
    header = images.header(tmp_path / "a.nd2")
    assert header.pixel_size_um == pytest.approx(0.13)
    assert header.frame_rate_hz == pytest.approx(4)
    missing = STACK.copy()
    missing[3] = 0
    nd2(tmp_path / "b.nd2", missing)
    with pytest.raises(BrightfieldError, match="frame 3 is zero everywhere: a part of the pixels is missing"):
        images.read_stack(tmp_path / "b.nd2")
