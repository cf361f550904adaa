"""Augmentation leaves the truth true, and is a function of its seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import tiny
from brightfield import params, tasks
from brightfield.data.augmenting import Augmenter, filtering, intensities, optics, recorded
from brightfield.data.augmenting.geometry import GEOMETRY
from brightfield.data.augmenting.intensities import INTENSITIES
from brightfield.data.augmenting.optics import OPTICS
from brightfield.errors import BrightfieldError

ALL = [*GEOMETRY, *OPTICS, *INTENSITIES, "recorded_noise"]
TRACKING = tasks.build("tracking", tiny.SETTINGS["tracking"])
WINDOWS = [np.random.default_rng(0).normal(0, 1, (48, 48)).astype(np.float32)]


def augmenter(*names: str) -> Augmenter:
    return Augmenter(names, ALL, WINDOWS)


def images(count: int = 4, channels: int = 3, side: int = 24) -> torch.Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(0))


def labels(count: int = 4) -> torch.Tensor:
    return (torch.arange(count) % 2).float()[:, None]


@pytest.mark.parametrize("name", ALL)
def test_a_label_stays_what_it_is_and_images_keep_shape_and_type(name: str) -> None:
    original = images(40)
    varied, kept = augmenter(name)(original, labels(40), np.random.default_rng(0))
    assert torch.equal(kept, labels(40))
    assert varied.shape == original.shape
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()
    assert not torch.equal(varied, original)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(8, 40), st.floats(8, 40)), min_size=1, max_size=4),
    st.lists(st.sampled_from(sorted(TRACKING.learning.augmentations - {"noise"})), min_size=1, unique=True),
    st.integers(0, 1000),
)
def test_no_augmentation_of_beads_moves_a_bead_against_its_heat_map(
    places: list[tuple[float, float]], names: list[str], seed: int
) -> None:
    """Images are beads that look as their heat maps do: after augmentation both must be found at the same place."""
    row, column = np.mgrid[:49, :49]
    heat = np.stack([np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8) for x, y in places]).astype(np.float32)[:, None]
    change = Augmenter(names, TRACKING.learning.augmentations)
    pixels, targets = change(torch.from_numpy(heat * 3 - 1), torch.from_numpy(heat), np.random.default_rng(seed))
    for (x, y), seen, target in zip(places, pixels.numpy(), targets.numpy(), strict=True):
        seen = (seen - np.median(seen)) / (seen.max() - np.median(seen))
        encoded = TRACKING.learning.encode(heat[0, 0])
        in_image, in_target = (
            TRACKING.answering.decode(a.astype(np.float32), encoded).positions for a in (seen, target)
        )
        assert in_image.shape == in_target.shape == (1, 2)
        assert np.abs(in_image - in_target).max() < 0.01
        corners = {(x, y), (48 - x, y), (x, 48 - y), (48 - x, 48 - y)}
        corners |= {(b, a) for a, b in corners}
        assert min(np.abs(in_target[0] - corner).max() for corner in corners) < 0.01


def test_the_same_seed_gives_the_same_draws_and_each_image_its_own() -> None:
    alike = images(1).expand(4, -1, -1, -1)
    drawn = [augmenter(*ALL)(alike, labels(), np.random.default_rng(seed))[0] for seed in (5, 5, 6)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert len({float(image.flatten()[0]) for image in drawn[0]}) == 4


@pytest.mark.parametrize("name", ALL)
def test_another_number_of_threads_changes_nothing(name: str) -> None:
    many, threads = images(16, side=96), torch.get_num_threads()
    drawn = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            drawn.append(augmenter(name)(many, labels(16), np.random.default_rng(1))[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*drawn)


def test_without_names_nothing_changes() -> None:
    varied, kept = augmenter()(images(), labels(), np.random.default_rng(0))
    assert torch.equal(varied, images())
    assert torch.equal(kept, labels())


def test_the_originals_are_left_alone() -> None:
    original, classes = images(), torch.randint(0, 3, (4, 24, 24), generator=torch.Generator().manual_seed(1))
    before, classes_before = original.clone(), classes.clone()
    for seed in range(5):
        augmenter(*ALL)(original, classes, np.random.default_rng(seed))
    assert torch.equal(original, before)
    assert torch.equal(classes, classes_before)


def test_what_would_make_the_truth_untrue_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(
        BrightfieldError,
        match=r"Augmentation blur, noise would invalidate the ground truth .*\. Allowed: brightness, flip.",
    ):
        Augmenter(["flip", "blur", "noise"], {"flip", "brightness"})


# --- strength ---------------------------------------------------------------------------------------------------------

# what a strength multiplies
SIZES = {
    intensities: (
        "GAIN_SPREAD",
        "OFFSET_SPREAD",
        "COLOUR_SPREAD",
        "MOST_NOISE",
        "MOST_BLUR_PX",
        "DEFOCUS",
        "DEFOCUS_BLUR_PX",
        "RADIUS_PX",
    ),
    optics: ("STAIN_SPREAD", "DYE_SPREAD", "WHITE_SPREAD", "SHADE_SPREAD"),
    recorded: ("MOST_RECORDED",),
}


def drawn(name: str, strength: float, seed: int = 0) -> torch.Tensor:
    change = Augmenter([name], ALL, WINDOWS, strength)
    return change(images(60, side=40), labels(60), np.random.default_rng(seed))[0]


@pytest.mark.parametrize("name", sorted({*ALL} - {"focus"}))
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_a_strength_multiplies_the_size_of_every_change(
    name: str, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = drawn(name, strength)
    for module, names in SIZES.items():
        for size in names:
            monkeypatch.setattr(module, size, type(getattr(module, size))(getattr(module, size) * strength))
    assert torch.equal(found, drawn(name, 1.0))


@pytest.mark.parametrize(("strength", "radius_px"), [(0.5, 3), (1.0, 3), (2.0, 5), (3.0, 8)])
def test_focus_blurs_wider_or_sharpens_more(strength: float, radius_px: int) -> None:
    """Each image by scipy: blurred by up to 0.6 px times the strength, or up to half of its detail, times the strength, added."""
    original, rng = images(60, side=40), np.random.default_rng(0)
    moved, amounts = np.flatnonzero(rng.random(60) < 0.5), rng.uniform(-0.5, 1, 60)
    changed = original.double().numpy().copy()
    for i in moved:
        sigma = amounts[i] * 0.6 * strength if amounts[i] > 0 else 1.0
        smooth = ndimage.gaussian_filter(changed[i], (0, sigma, sigma), mode="nearest", radius=radius_px)
        changed[i] = smooth if amounts[i] > 0 else changed[i] + amounts[i] * strength * (smooth - changed[i])
    expected, _ = optics.renormalised(torch.from_numpy(changed).float())
    torch.testing.assert_close(drawn("focus", strength), expected, atol=2e-5, rtol=1e-5)


def test_a_strength_of_one_is_what_the_constants_say() -> None:
    """Closed formulas with the numbers that these changes had before there was a strength, to the bit."""
    original, rng = images(60, side=40), np.random.default_rng(0)
    gain, offset = (
        torch.from_numpy(x.astype(np.float32))[:, None, None, None]
        for x in (rng.lognormal(0, 0.2, 60), rng.normal(0, 0.2, 60))
    )
    assert torch.equal(drawn("brightness", 1.0), original * gain + offset)
    rng = np.random.default_rng(0)
    gain, offset = (
        torch.from_numpy(x.astype(np.float32))[:, :, None, None]
        for x in (rng.lognormal(0, 0.1, (60, 3)), rng.normal(0, 0.1, (60, 3)))
    )
    assert torch.equal(drawn("colour", 1.0), original * gain + offset)
    rng = np.random.default_rng(0)
    sigma = torch.from_numpy((0.3 * rng.random(60) ** 2).astype(np.float32))[:, None, None, None]
    white = torch.randn(original.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**63))))
    assert torch.equal(drawn("noise", 1.0), original + sigma * white)
    assert torch.equal(Augmenter(ALL, ALL, WINDOWS)(original, labels(60), np.random.default_rng(0))[0],
                       Augmenter(ALL, ALL, WINDOWS, 1.0)(original, labels(60), np.random.default_rng(0))[0])  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_without_strength_an_image_stays_as_it_is_unless_it_is_moved_or_reversed(name: str) -> None:
    assert torch.equal(drawn(name, 0.0), images(60, side=40)) == (name in params.SCALED_AUGMENTATIONS)


@pytest.mark.parametrize("name", sorted(params.SCALED_AUGMENTATIONS))
def test_more_strength_changes_more(name: str) -> None:
    original = images(60, side=40)
    little, usual, much = (float((drawn(name, strength) - original).square().mean()) for strength in (0.3, 1.0, 2.0))
    assert 0 < little < usual < much


@pytest.mark.parametrize("name", sorted({"flip", "rotate", "reverse"}))
def test_moves_and_reversals_have_no_strength(name: str) -> None:
    assert torch.equal(drawn(name, 0.3), drawn(name, 3.0))


@pytest.mark.parametrize(("name", "sigma_px"), [("blur", 3.6), ("defocus", 4.5), ("focus", 1.8)])
def test_a_strong_blur_is_not_cut_off_within_three_sigma(
    name: str, sigma_px: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[tuple[float, int]] = []
    gaussian = filtering.gaussian

    def watched(pixels: torch.Tensor, sigma: torch.Tensor, radius: int) -> torch.Tensor:
        widths.append((float(sigma.max()), radius))
        return gaussian(pixels, sigma, radius)

    monkeypatch.setattr(filtering, "gaussian", watched)
    drawn(name, 3.0)
    ((widest, radius),) = widths
    assert sigma_px / 2 < widest <= sigma_px
    assert radius >= 3 * sigma_px


def test_a_training_hands_its_strength_over() -> None:
    task, record = tasks.build("segmentation", tiny.SETTINGS["segmentation"]), tiny.records("segmentation", 1)
    for strength in (0.0, 1.5):
        training = tiny.model("segmentation", augment=["brightness"], augment_strength=strength).training
        samples = task.learning.dataset(record, training)
        batch = samples.cut([0], np.random.default_rng(0))
        varied = samples.varied(batch, np.random.default_rng(0))
        assert torch.equal(varied.images, batch.images) == (strength == 0)
