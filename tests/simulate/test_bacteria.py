"""The instance map is the rendered cells, and the optics do what optics do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from brightfield.data.records import Record
from brightfield.params import BacteriaSimulation
from brightfield.simulate import simulate
from brightfield.simulate.bacteria import FOCUS_UM, imaging
from brightfield.simulate.bacteria.imaging import Focus, fluorescent_light, transmitted_light
from brightfield.simulate.bacteria.placement import ALLOWED_OVERLAP, E_COLI, MYXOCOCCUS, Rod, place
from brightfield.simulate.bacteria.rendering import draw_rods, draw_scene, scene_of

PIXEL_UM = 0.065


@pytest.fixture(scope="module")
def records() -> list[Record]:
    params = BacteriaSimulation(simulator="bacteria", images=5, size_px=160, fluorescence=True)
    return list(simulate(params))


def test_record_types_and_row(records: list[Record]) -> None:
    assert {record.row["kind"] for record in records} == {"brightfield", "phase"}
    for record in records:
        assert record.image.shape == (160, 160)
        assert record.image.dtype == np.uint16
        assert record.fields["labels"].dtype == np.int32
        assert record.fields["species"].dtype == np.uint8
        assert record.fields["fluorescence"].dtype == np.float32
        assert set(record.row) == {"kind", "focus_um", "cover", "electrons", "suite"}
        assert abs(float(str(record.row["focus_um"]))) <= FOCUS_UM[str(record.row["kind"])]
        assert record.row["cover"] == pytest.approx((record.fields["labels"] > 0).mean())


def test_phase_fraction_chooses_the_modality() -> None:
    for fraction, modality in [(0.0, "brightfield"), (1.0, "phase")]:
        params = BacteriaSimulation(simulator="bacteria", images=3, size_px=64, phase_fraction=fraction)
        assert {r.row["kind"] for r in simulate(params.model_copy(update={"seed": 1}))} == {modality}


def test_only_e_coli_are_lit(records: list[Record]) -> None:
    lit: list[float] = []
    dim: list[float] = []
    for record in records:
        kind = record.fields["species"][record.fields["labels"]]
        for code, values in ((E_COLI.code, lit), (MYXOCOCCUS.code, dim)):
            if (kind == code).sum() > 500:
                values.append(float(np.median(record.fields["fluorescence"][kind == code])))
    assert lit
    assert np.mean(lit) > 3 * np.mean(dim)


def test_the_other_species_bleeds_through_faintly_even_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brightness is that of a typical E. coli, not of whatever is brightest in the field."""
    monkeypatch.setattr(imaging, "BRIGHTNESS_SPREAD", (0.0, 0.0))
    middles = {}
    for code, radius in ((MYXOCOCCUS.code, 0.31), (E_COLI.code, 0.475)):
        scene = scene_of([Rod(code, radius, np.array([[2.0, 3.0], [4.0, 3.0]]))], 96, PIXEL_UM)
        fields = [fluorescent_light(scene, PIXEL_UM, np.random.default_rng(seed)) for seed in range(10)]
        middles[code] = np.median([field[46, 46] for field in fields])
    assert middles[E_COLI.code] == pytest.approx(1.0, abs=0.25)
    assert 0.01 < middles[MYXOCOCCUS.code] < 0.15


def test_a_lone_rod_has_the_area_and_thickness_of_its_formula() -> None:
    rod = Rod(2, 0.47, np.array([[3.0, 2.0], [4.0, 3.0], [5.0, 4.0]]))
    thickness, owner = draw_rods([rod], 120, PIXEL_UM, pad=10)
    length = 2 * np.sqrt(2)
    area_um2 = (owner == 1).sum() * PIXEL_UM**2
    assert area_um2 == pytest.approx(2 * 0.47 * length + np.pi * 0.47**2, rel=0.02)
    assert thickness.max() == pytest.approx(2 * 0.47, rel=0.01)
    rows, columns = np.nonzero(owner)
    assert columns.mean() == pytest.approx(4.0 / PIXEL_UM + 10, abs=0.1)  # x is the column
    assert rows.mean() == pytest.approx(3.0 / PIXEL_UM + 10, abs=0.1)


def test_where_two_rods_meet_the_thicker_owns_the_pixel() -> None:
    left = Rod(2, 0.5, np.array([[1.0, 1.5], [1.0, 3.5]]))
    right = Rod(2, 0.5, np.array([[1.8, 1.5], [1.8, 3.5]]))
    _, owner = draw_rods([left, right], 64, PIXEL_UM, pad=4)
    row = owner[int(2.5 / PIXEL_UM) + 4]
    border = 1.4 / PIXEL_UM + 4
    columns = np.arange(64)
    assert (row[(columns < border - 1) & (row > 0)] == 1).all()
    assert (row[(columns > border + 1) & (row > 0)] == 2).all()


def test_placed_rods_overlap_by_at_most_a_quarter_of_a_width() -> None:
    rods = place(20.0, {1: 0.35, 2: 0.15}, np.random.default_rng(3))
    assert len(rods) > 50
    worst = 0.0
    for i, a in enumerate(rods):
        for b in rods[:i]:
            nearest = np.linalg.norm(a.axis[:, None] - b.axis, axis=-1).min()
            worst = max(worst, (a.radius_um + b.radius_um - nearest) / (2 * min(a.radius_um, b.radius_um)))
    assert worst <= ALLOWED_OVERLAP + 1e-9


def test_covers_are_reached_on_average_where_there_is_room() -> None:
    """Rafts may lie in the field or in the margin around it, so one field has more than asked for, another less."""
    fields = [place(40.0, {1: 0.15}, np.random.default_rng(seed)) for seed in range(6)]
    owners = [draw_rods(rods, 615, PIXEL_UM, pad=0)[1] for rods in fields]
    assert np.mean([(owner > 0).mean() for owner in owners]) == pytest.approx(0.15, abs=0.03)
    assert {rod.species for rods in fields for rod in rods} == {1}


def test_no_cells_is_a_field_too() -> None:
    assert place(10.0, {1: 0.0, 2: 0.0}, np.random.default_rng(5)) == []


def test_cells_are_dark_in_phase_contrast() -> None:
    for seed in range(2):
        rng = np.random.default_rng(seed)
        scene = draw_scene(192, PIXEL_UM, {1: 0.2, 2: 0.1}, rng)
        light = transmitted_light(scene, "phase", Focus(0.0, 0.0), PIXEL_UM, rng)
        far = ndimage.distance_transform_edt(scene.labels == 0) > 15
        middle = ndimage.distance_transform_edt(scene.labels > 0) > 3
        assert light.shape == (192, 192)
        assert light[middle].mean() < 0.75 * np.median(light[far])
