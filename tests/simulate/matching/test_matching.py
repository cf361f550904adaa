"""A simulation fitted to frames of a hidden one finds its camera and comes nearer to them than where it began."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.images import write_tiff
from brightfield.params import DenoiseSimulation, RbcSimulation
from brightfield.simulate import matching, simulate

CAMERA = {"electrons_per_count": 0.6, "offset": 180.0, "read_noise": 3.0}
HIDDEN = {**{name: (value, value) for name, value in CAMERA.items()}, "blur_px": (2.6, 2.6), "cover": (0.3, 0.4)}
PEAK = 150.0
REAL = os.environ.get("BRIGHTFIELD_REAL_DATA")


def write(folder: Path, simulation: Any, most: int = 99) -> Path:
    folder.mkdir()
    for record in list(simulate(simulation))[:most]:
        write_tiff(folder / f"{record.id}.tif", record.image)
    return folder


def middle(ends: list[float]) -> float:
    return float(np.mean(ends))


def test_hidden_parameters_are_recovered(project: Path, tmp_path: Path) -> None:
    hidden = DenoiseSimulation.model_validate(
        {
            "simulator": "denoise",
            "seed": 77,
            "images": 8,
            "size_px": 160,
            "peak_electrons": (PEAK,) * 2,
            "appearance": HIDDEN,
        }
    )
    found = matching.match("denoise", [write(tmp_path / "frames", hidden)], "lab", trials=8)
    own = found.content["appearance"]
    assert middle(own["electrons_per_count"]) == pytest.approx(CAMERA["electrons_per_count"], rel=0.2)
    assert middle(own["offset"]) == pytest.approx(CAMERA["offset"], abs=3)
    assert middle(own["read_noise"]) == pytest.approx(CAMERA["read_noise"], rel=0.2)
    assert middle(found.content["peak_electrons"]) == pytest.approx(PEAK, rel=0.2)
    assert found.after.histogram < found.before.histogram
    assert found.after.spectrum < found.before.spectrum
    written = params.load()
    assert written.simulations["lab"].model_dump(mode="json", exclude_unset=True) == found.content
    assert written.datasets["lab"] == written.datasets["denoise"]
    assert "electrons per count" in str(found)


def test_stained_crops_give_light_stain_and_no_contour(project: Path, tmp_path: Path) -> None:
    white, stain = [0.55, 0.6, 0.6], [0.05, 0.16, 0.10]
    appearance = {
        "white": [[v, v] for v in white],
        "stain": [[v, v] for v in stain],
        "electrons": (3000.0, 3000.0),
        "read_noise": (3.0, 3.0),
        "contour": False,
    }
    hidden = RbcSimulation.model_validate(
        {"simulator": "rbc", "seed": 5, "smears": 8, "crops_per_smear": 3, "appearance": appearance}
    )
    folder = write(tmp_path / "crops", hidden)
    found = matching.match("rbc", [folder], "smears", trials=4, pixel_size_um=0.14)
    own = found.content["appearance"]
    assert own["contour"] is False
    assert found.content["pixel_size_um"] == 0.14
    assert [middle(ends) for ends in own["white"]] == pytest.approx(white, rel=0.1)
    # what is out of focus has dark edges, in all colours alike
    assert [middle(ends) for ends in own["stain"]] == pytest.approx(stain, abs=0.025)
    assert middle(own["electrons"]) == pytest.approx(3000, rel=0.2)
    assert found.after.total < found.before.total


TRANSMITTED: dict[str, dict[str, Any]] = {
    "beads": {
        "few": {"movies": 12, "frames_per_movie": 1, "size_px": 96},
        "own": {"radius_um": (0.5, 0.6), "contrast": (0.5, 0.8), "defocus_um": (1.0, 1.5)},
    },
    "bacteria": {
        "few": {"images": 6, "size_px": 160, "phase_fraction": 1.0},
        "own": {"myxococcus": (0.01, 0.02), "e_coli": (0.3, 0.4), "focus_um": (0.1, 0.2)},
    },
}


@pytest.mark.parametrize("simulation", TRANSMITTED)
def test_frames_in_transmitted_light_are_brought_nearer(simulation: str, project: Path, tmp_path: Path) -> None:
    hidden = TRANSMITTED[simulation]
    light = {"electrons": (2500.0, 2500.0), **{name: (value, value) for name, value in CAMERA.items()}}
    content = {"simulator": simulation, "seed": 77, **hidden["few"], "appearance": {**light, **hidden["own"]}}
    frames = write(tmp_path / "frames", params.load().simulations[simulation].model_validate(content))
    found = matching.match(simulation, [frames], "lab", trials=10)
    assert middle(found.content["appearance"]["electrons_per_count"]) == pytest.approx(
        CAMERA["electrons_per_count"], rel=0.25
    )
    assert found.after.histogram < 0.5 * found.before.histogram
    assert found.after.spectrum < found.before.spectrum
    if simulation == "bacteria":
        assert found.content["phase_fraction"] == 1.0


def test_a_name_that_is_taken_and_frames_that_are_not_there(project: Path, tmp_path: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(BrightfieldError, match="There is a dataset 'beads' already"):
        matching.match("denoise", [tmp_path], "beads")
    with pytest.raises(BrightfieldError, match="There are no images to match"):
        matching.match("denoise", [], "new")
    with pytest.raises(BrightfieldError, match="There are no images in the folder"):
        matching.match("denoise", [tmp_path], "new")
    with pytest.raises(BrightfieldError, match="There is no simulation 'denois'. Did you mean 'denoise'"):
        matching.match("denois", [tmp_path], "new")
    write_tiff(tmp_path / "a.tif", np.zeros((64, 64), np.uint16))
    write_tiff(tmp_path / "b.tif", np.zeros((64, 64), np.uint8))
    with pytest.raises(BrightfieldError, match="types uint16, uint8"):
        matching.match("denoise", [tmp_path / "a.tif", tmp_path / "b.tif"], "new")
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="BRIGHTFIELD_REAL_DATA does not name a folder of real images")
@pytest.mark.parametrize(
    ("simulation", "frames"),
    [
        ("denoise", "denoise/clean"),
        ("rbc", "rbc/good"),
        ("beads", "beads/brightfield"),
        ("bacteria", "bacteria/unlabelled/Exemple1_Phase_coli.tif"),
    ],
)
def test_real_frames_are_brought_nearer(simulation: str, frames: str, project: Path) -> None:
    found = matching.match(simulation, [Path(str(REAL)) / frames], "lab", trials=30)
    assert found.after.histogram < 0.7 * found.before.histogram
    assert found.after.total < 0.7 * found.before.total
