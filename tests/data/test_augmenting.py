"""Augmentation leaves the truth true: geometry moves image and target together, intensities move nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import tiny
from brightfield import tasks
from brightfield.data import augmenting
from brightfield.data.augmenting import INTENSITIES, NOISE_WINDOW_PX, OPTICS, Augmenter, noise_windows
from brightfield.errors import BrightfieldError

ALL = [
    "flip",
    "rotate",
    "brightness",
    "colour",
    "noise",
    "recorded_noise",
    "blur",
    "defocus",
    "reverse",
    "stain",
    "light",
    "focus",
]
Change = Callable[..., tuple[Tensor, Tensor]]
TRACKING = tasks.build("tracking", tiny.SETTINGS["tracking"])


def augmenter(*names: str, seed: int = 0, recorded: Sequence[np.ndarray] = ()) -> Change:
    """Draws of one augmenter, one after another, from one generator."""
    return partial(Augmenter(names, ALL, recorded), rng=np.random.default_rng(seed))


def image(channels: int = 1, side: int = 24) -> Tensor:
    return torch.randn(channels, side, side, generator=torch.Generator().manual_seed(0))


def symmetries(square: Tensor) -> list[Tensor]:
    """The eight flips and quarter turns of the last two axes."""
    return [torch.rot90(s, k, (-2, -1)) for s in (square, square.flip(-1)) for k in range(4)]


# --- geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_flips_are_the_eight_symmetries_of_a_square_to_the_last_bit(channels: int) -> None:
    original, change = image(channels), augmenter("flip")
    expected = symmetries(original)
    seen = set()
    for _ in range(120):
        moved, _ = change(original, torch.zeros(1))
        seen |= {i for i, symmetry in enumerate(expected) if torch.equal(moved, symmetry)}
        assert any(torch.equal(moved, symmetry) for symmetry in expected)
    assert seen == set(range(8))


TARGETS = {
    "heat map": image(),
    "several maps": image(3),
    "classes": torch.randint(0, 3, (24, 24), generator=torch.Generator().manual_seed(1)),
    "classes with unknown": torch.randint(-1, 3, (24, 24), generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("name", TARGETS)
def test_image_and_target_move_together(name: str) -> None:
    original, target = image(), TARGETS[name]
    for seed in range(30):
        _, moved_target = augmenter("flip", "noise", "brightness", seed=seed)(original, target)
        moved, same_target = augmenter("flip", seed=seed)(original, target)
        which = [i for i, symmetry in enumerate(symmetries(original)) if torch.equal(moved, symmetry)]
        assert any(torch.equal(moved_target, symmetries(target)[i]) for i in which)
        assert torch.equal(moved_target, same_target)
        assert moved_target.dtype == target.dtype


def test_a_label_stays_what_it_is() -> None:
    label = torch.tensor([1.0])
    for name in ALL:
        _, kept = augmenter(name)(image(3), label)
        assert torch.equal(kept, label)


def test_rotation_turns_by_any_angle_and_keeps_the_range() -> None:
    original, change = image(3), augmenter("rotate")
    moved = [change(original, torch.zeros(1))[0] for _ in range(40)]
    others = [m for m in moved if not any(torch.equal(m, s) for s in symmetries(original))]
    assert len(others) > 10
    assert all(m.min() >= original.min() - 1e-4 and m.max() <= original.max() + 1e-4 for m in moved)


# --- beads ------------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.floats(8, 40),
    st.floats(8, 40),
    st.lists(st.sampled_from(sorted(TRACKING.learning.augmentations - {"noise"})), min_size=1, unique=True),
    st.integers(0, 1000),
)
def test_no_augmentation_of_beads_moves_a_bead_against_its_heat_map(
    x: float, y: float, names: list[str], seed: int
) -> None:
    """The image is a bead that looks as its heat map does: after augmentation both must be found at the same place."""
    row, column = np.mgrid[:49, :49]
    heat = np.exp(-((column - x) ** 2 + (row - y) ** 2) / 8).astype(np.float32)[None]
    change = Augmenter(names, TRACKING.learning.augmentations)
    rng = np.random.default_rng(seed)
    pixels, target = change(torch.from_numpy(heat * 3 - 1), torch.from_numpy(heat), rng)
    seen = pixels.numpy()
    seen = (seen - np.median(seen)) / (seen.max() - np.median(seen))
    encoded = TRACKING.learning.encode(heat[0])
    in_image, in_target = (
        TRACKING.answering.decode(a.astype(np.float32), encoded).positions for a in (seen, target.numpy())
    )
    assert in_image.shape == in_target.shape == (1, 2)
    assert np.abs(in_image - in_target).max() < 0.01
    corners = {(x, y), (48 - x, y), (x, 48 - y), (48 - x, 48 - y)}
    corners |= {(b, a) for a, b in corners}
    assert min(np.abs(in_target[0] - corner).max() for corner in corners) < 0.01


# --- intensities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INTENSITIES)
def test_intensities_leave_shape_and_type_and_clip_nothing(name: str) -> None:
    original, change = 3 * image(3), augmenter(name)
    lowest = []
    for _ in range(30):
        changed, _ = change(original, torch.zeros(1))
        assert changed.shape == original.shape
        assert changed.dtype == torch.float32
        assert torch.isfinite(changed).all()
        lowest.append(float(changed.min()))
    assert np.mean(lowest) < -3  # images have mean 0: half of every image is negative


def test_brightness_is_a_gain_and_an_offset() -> None:
    original, change = image(), augmenter("brightness")
    gains = []
    for _ in range(200):
        changed, _ = change(original, torch.zeros(1))
        slope, offset = np.polyfit(original.numpy().ravel(), changed.numpy().ravel(), 1)
        np.testing.assert_allclose(changed, slope * original.numpy() + offset, atol=1e-4)
        gains.append(slope)
    assert min(gains) > 0
    assert np.std(np.log(gains)) == pytest.approx(0.2, rel=0.2)


def test_colour_changes_each_channel_by_itself() -> None:
    original = image(1).expand(3, 24, 24)
    changed, _ = augmenter("colour")(original, torch.zeros(1))
    assert not torch.allclose(changed[0], changed[1], atol=1e-3)
    assert np.corrcoef(changed[0].ravel(), original[0].ravel())[0, 1] == pytest.approx(1, abs=1e-4)


def test_noise_has_mean_0_and_at_most_the_spread_it_says() -> None:
    original, change = image(side=64), augmenter("noise")
    noise = [(change(original, torch.zeros(1))[0] - original).numpy() for _ in range(60)]
    spreads = [float(n.std()) for n in noise]
    assert max(spreads) < 0.3 * 1.05
    assert max(spreads) > 0.15
    assert abs(float(np.mean(noise))) < 0.01


def test_blur_only_smooths() -> None:
    original, change = image(), augmenter("blur")
    stds = [float(change(original, torch.zeros(1))[0].std()) for _ in range(40)]
    assert max(stds) == pytest.approx(float(original.std()))  # mostly nothing happens
    assert min(stds) < 0.7 * float(original.std())
    assert max(stds) <= float(original.std()) * 1.0001


# --- seeds and names --------------------------------------------------------------------------------------------------


# --- the physics of a stained slide -------------------------------------------------------------------------------------

BACKGROUND, CELL = np.array([0.9, 0.8, 0.85]), np.array([0.7, 0.4, 0.3])  # transmitted light in red, green and blue


def slide() -> tuple[Tensor, float]:
    """A cell in the middle of an empty slide, normalised, and what black is in its units."""
    light = np.broadcast_to(BACKGROUND, (24, 24, 3)).copy()
    light[8:16, 8:16] = CELL
    normalised = (light - light.mean()) / light.std()
    return torch.from_numpy(normalised.transpose(2, 0, 1)).float(), -float(light.mean() / light.std())


def absorbances(image: Tensor, black: float) -> np.ndarray:
    light = image.numpy() - black
    return np.asarray(np.log(light[:, 0, 0] / light[:, 12, 12]))


@pytest.mark.parametrize("name", OPTICS)
def test_what_another_acquisition_shows_is_normalised_again(name: str) -> None:
    image_, black = slide()
    change = augmenter(name)
    for _ in range(10):
        changed, target = change(image_, torch.ones(1), black=black)
        assert changed.shape == image_.shape
        assert changed.dtype == torch.float32
        assert float(changed.mean()) == pytest.approx(0, abs=1e-4)
        assert float(changed.std()) == pytest.approx(1, abs=1e-2)
        assert target.tolist() == [1.0]


def test_more_dye_absorbs_more_in_proportion_and_leaves_the_empty_slide() -> None:
    """Beer-Lambert: absorbance is proportional to the dye, so its logarithm spreads by the two spreads together."""
    image_, black = slide()
    expected = absorbances(image_, black)
    np.testing.assert_allclose(expected, np.log(BACKGROUND / CELL), rtol=1e-4)
    rng = np.random.default_rng(0)
    light = image_.numpy().transpose(1, 2, 0) - np.float32(black)
    ratios = []
    for _ in range(400):
        stained = OPTICS["stain"](light, rng)
        np.testing.assert_allclose(stained[0, 0], light[0, 0], rtol=1e-5)
        ratios.append(np.log(np.log(stained[0, 0] / stained[12, 12]) / expected))
    together = np.hypot(augmenting.STAIN_SPREAD, augmenting.DYE_SPREAD)
    assert np.std(ratios) == pytest.approx(together, rel=0.1)
    assert np.mean(ratios) == pytest.approx(0, abs=0.05)


def test_another_lamp_changes_colours_and_shading_but_no_absorbance() -> None:
    image_, black = slide()
    light = image_.numpy().transpose(1, 2, 0) - np.float32(black)
    rng = np.random.default_rng(0)
    lit = [OPTICS["light"](light, rng) for _ in range(200)]
    gains = np.log([np.mean(image / light, axis=(0, 1)) for image in lit])
    assert np.std(gains) == pytest.approx(augmenting.WHITE_SPREAD, rel=0.15)
    for image in lit[:20]:
        ratio = image / light
        np.testing.assert_allclose(
            ratio / ratio.mean(axis=(0, 1)), (ratio / ratio.mean(axis=(0, 1)))[..., :1] * np.ones(3), rtol=1e-4
        )
        slope = ratio[..., 0] / ratio[..., 0].mean()
        assert np.abs(np.diff(slope, 2, axis=0)).max() < 1e-4  # a plane


def test_focus_makes_sharper_or_softer_by_a_little_and_half_of_the_time_nothing() -> None:
    image_, black = slide()
    light = image_.numpy().transpose(1, 2, 0) - np.float32(black)
    rng = np.random.default_rng(0)

    def contrast(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image[12, :, 1])).max())

    ratios = np.array([contrast(OPTICS["focus"](light, rng)) / contrast(light) for _ in range(300)])
    assert 0.4 < np.mean(ratios == 1) < 0.6
    assert 0.5 < ratios.min() < 0.9
    assert 1.1 < ratios.max() < 1.6


def test_the_same_seed_gives_the_same_draws() -> None:
    original = image(3)
    first, same, other = augmenter(*ALL, seed=5), augmenter(*ALL, seed=5), augmenter(*ALL, seed=6)
    drawn = [change(original, torch.zeros(1))[0] for change in (first, same, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], first(original, torch.zeros(1))[0])


def test_without_names_nothing_changes() -> None:
    moved, target = augmenter()(image(), TARGETS["classes"])
    assert torch.equal(moved, image())
    assert torch.equal(target, TARGETS["classes"])


def test_the_original_is_left_alone() -> None:
    original, target = image(3), TARGETS["classes"].clone()
    before = original.clone()
    change = augmenter(*(name for name in ALL if name != "rotate"))
    for _ in range(5):
        change(original, target)
    assert torch.equal(original, before)
    assert torch.equal(target, TARGETS["classes"])


def test_what_would_make_the_truth_untrue_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(
        BrightfieldError,
        match=r"Augmentation blur, noise would invalidate the ground truth .*\. Allowed: brightness, flip.",
    ):
        Augmenter(["flip", "blur", "noise"], {"flip", "brightness"})


# --- maps of classes under rotation, recorded noise, defocus ------------------------------------------------------------


def test_classes_are_rotated_with_the_image_and_stay_classes() -> None:
    """The image is its own class map, so after any rotation the two still agree but where the image was resampled."""
    classes = torch.zeros(64, 64, dtype=torch.int64)
    classes[16:48, 24:40], classes[28:36, 30:60] = 1, 2
    change = augmenter("rotate")
    turned = [change(classes[None].float(), classes) for _ in range(20)]
    assert any(not torch.equal(target, classes) for _, target in turned)
    for moved, target in turned:
        assert target.dtype == torch.int64
        assert set(target.unique().tolist()) <= {0, 1, 2}
        assert float(((moved[0].round() - target).abs() < 0.5).double().mean()) > 0.9


def test_noise_is_recorded_where_nothing_is_near_and_its_light_is_left_out() -> None:
    rng = np.random.default_rng(0)
    pattern = rng.normal(0, 0.1, (160, 200)).astype(np.float32)
    light = np.linspace(0, 3, 200, dtype=np.float32)
    quiet = np.ones((160, 200), bool)
    quiet[:, 100:] = False
    windows = noise_windows(pattern + light + 5.0 * ~quiet, quiet)
    assert 1 <= len(windows) <= 8
    for window in windows:
        assert window.shape == (NOISE_WINDOW_PX, NOISE_WINDOW_PX)
        assert abs(window.mean()) < 0.05  # neither the light nor what is not quiet
        assert window.std() == pytest.approx(0.1, rel=0.15)
    assert noise_windows(pattern, np.zeros_like(quiet)) == []


def test_recorded_noise_is_added_in_half_of_the_draws_and_fills_the_image() -> None:
    window = np.random.default_rng(0).normal(0, 1, (NOISE_WINDOW_PX, NOISE_WINDOW_PX)).astype(np.float32)
    change = augmenter("recorded_noise", recorded=[window])
    blank = torch.zeros(1, 100, 70)
    drawn = [change(blank, torch.zeros(1))[0] for _ in range(200)]
    noisy = [moved for moved in drawn if moved.any()]
    assert 70 <= len(noisy) <= 130
    assert all(float((moved == 0).double().mean()) < 0.01 for moved in noisy)
    assert max(float(moved.std()) for moved in noisy) > 1.5
    nothing_recorded = augmenter("recorded_noise")
    assert torch.equal(nothing_recorded(image(), torch.zeros(1))[0], image())


def test_defocus_gives_a_dark_line_a_bright_or_a_dark_halo_and_keeps_the_light() -> None:
    line = torch.zeros(1, 41, 41)
    line[0, 19:22] = -1
    change = augmenter("defocus")
    drawn = torch.stack([change(line, torch.zeros(1))[0] for _ in range(100)])
    beside = drawn[:, 0, 17, 20]
    assert float(beside.max()) > 0.1
    assert float(beside.min()) < -0.1
    assert 25 <= int((drawn != line).flatten(1).any(dim=1).sum()) <= 75
    torch.testing.assert_close(drawn.mean(dim=(1, 2, 3)), line.mean().expand(100), atol=2e-3, rtol=0)


def test_noise_stays_in_the_channel_in_which_it_was_recorded() -> None:
    change = augmenter("recorded_noise", recorded=[np.ones((NOISE_WINDOW_PX, NOISE_WINDOW_PX), np.float32)])
    drawn = [change(torch.zeros(2, 30, 30), torch.zeros(1))[0] for _ in range(20)]
    assert any(moved[0].any() for moved in drawn)
    assert not any(moved[1].any() for moved in drawn)


def test_reverse_exchanges_dark_and_bright_of_the_first_channel_half_of_the_time() -> None:
    original, change = image(2), augmenter("reverse")
    signs = []
    for _ in range(200):
        changed, _ = change(original, torch.zeros(1))
        assert torch.equal(changed[1], original[1])  # fluorescence shines on either side of the focal plane
        signs.append(int(torch.sign((changed[0] * original[0]).sum())))
        assert torch.equal(changed[0], signs[-1] * original[0])
    assert 70 < signs.count(-1) < 130
