"""Restoration: deviations and what several networks make of them, blind spots, scores by level of light."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tiny
from brightfield import params, tasks, training
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference import activations
from brightfield.inference.device import start_device
from brightfield.inference.predictor import combined
from brightfield.metrics import restoration
from brightfield.results import Picture
from brightfield.tasks import Encoded
from brightfield.tasks.restoration.learning import error

SETTINGS = params.RestorationSettings()
TASK: Any = tasks.build("restoration", SETTINGS)
BLIND = params.Training(epochs=1, patch_px=32, augment=["flip"], blind_spots=True)


def output(mean: float, deviation: float) -> Tensor:
    """What a probabilistic network puts out to be activated to this mean and deviation, (1, 2, 8, 8)."""
    raw = float(np.log(np.expm1(deviation - 1e-3)))
    return torch.tensor([mean, raw], dtype=torch.float32)[None, :, None, None].expand(1, 2, 8, 8)


def encoded(mean: float = 100.0, std: float = 20.0) -> Encoded:
    return Encoded(torch.zeros(1, 8, 8), mean, std, (8, 8))


# --- deviations -------------------------------------------------------------------------------------------------------


def test_mean_and_deviation_come_back_in_the_units_of_the_image() -> None:
    answer = TASK.answering.decode(TASK.answering.activate(output(1.5, 0.25))[0].numpy(), encoded())
    np.testing.assert_allclose(answer.pixels, 130, rtol=1e-5)
    np.testing.assert_allclose(answer.deviation, 5, rtol=1e-3)


def test_a_network_without_that_head_answers_no_deviation() -> None:
    assert TASK.answering.decode(np.ones((1, 8, 8), np.float32), encoded()).deviation is None


def test_members_average_to_the_moments_of_their_mixture() -> None:
    """Means 1 and 3, deviations 0.5 and 1, weights 3 and 1: mean 1.5, variance 0.75 (1 + 0.25) + 0.25 (9 + 1) - 2.25."""
    members = [[TASK.answering.activate(output(*moments))[0].numpy()] for moments in ((1.0, 0.5), (3.0, 1.0))]
    (mixed,) = combined(TASK, members, [3, 1])
    answer = TASK.answering.decode(mixed, encoded(mean=0, std=1))
    np.testing.assert_allclose(answer.pixels, 1.5, rtol=1e-5)
    np.testing.assert_allclose(answer.deviation, np.sqrt(0.9375 + 2.5 - 2.25), rtol=1e-4)


def test_a_member_without_the_head_shares_the_image_and_leaves_the_deviation_to_the_others() -> None:
    """Images 1 and 2, weights 3 and 1: 1.25; the deviation of 0.5 is that of the member that answers one."""
    with_head, without = TASK.answering.activate(output(1.0, 0.5))[0].numpy(), np.full((1, 8, 8), 2.0, np.float32)
    (mixed,) = combined(TASK, [[with_head], [without]], [3, 1])
    answer = TASK.answering.decode(mixed, encoded(mean=0, std=1))
    np.testing.assert_allclose(answer.pixels, 1.25, rtol=1e-5)
    np.testing.assert_allclose(answer.deviation, 0.5, rtol=1e-3)


def test_the_likelihood_is_best_where_the_deviation_is_that_of_the_error() -> None:
    target = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    raw = torch.zeros(1, 1, 64, 64, requires_grad=True)
    for _ in range(300):
        loss = error(torch.cat([torch.zeros_like(target), raw.mean().expand_as(raw)], dim=1), target)
        (slope,) = torch.autograd.grad(loss, raw)
        raw = (raw - 2000 * slope).detach().requires_grad_()
    activated = TASK.answering.activate(torch.cat([torch.zeros_like(target), raw], dim=1))[0].detach().numpy()
    assert TASK.answering.decode(activated, encoded(0, 1)).deviation.mean() == pytest.approx(
        float(target.std()), rel=0.05
    )


def test_the_scale_of_the_deviations_is_settled_and_used() -> None:
    rng = np.random.default_rng(0)
    truth = [Picture(rng.normal(100, 20, (64, 64)).astype(np.float32)) for _ in range(3)]
    codes = [encoded() for _ in truth]
    activated = []
    for picture in truth:  # errors of deviation 0.3, said to be 0.1
        mean = (picture.pixels - 100) / 20 + rng.normal(0, 0.3, (64, 64)).astype(np.float32)
        activated.append(np.stack([mean, mean**2 + np.float32(0.01)]))
    assert TASK.answering.needs_calibration
    calibrated = TASK.answering.calibrate(activated, truth, codes)
    assert calibrated.deviation_scale == pytest.approx(3, rel=0.02)
    task: Any = tasks.build("restoration", calibrated)
    assert not task.answering.needs_calibration
    assert task.answering.decode(activated[0], codes[0]).deviation.mean() == pytest.approx(20 * 0.3, rel=0.02)
    assert task.answering.calibrate(activated, truth, codes) == calibrated  # what is set stays


def test_without_deviations_there_is_nothing_to_settle() -> None:
    truth = [Picture(np.ones((8, 8), np.float32))]
    assert TASK.answering.calibrate([np.zeros((1, 8, 8), np.float32)], truth, [encoded()]) == SETTINGS


def test_a_probabilistic_network_learns_and_its_scale_travels_with_it() -> None:
    records: Any = tiny.records("restoration", 6)
    model = tiny.model("restoration", network={"probabilistic": True}, epochs=6, steps_per_epoch=10, learning_rate=0.03)
    fitted = training.fit(TASK, model, records, records, tiny.COMPUTE)
    assert isinstance(fitted.settings, params.RestorationSettings)
    assert fitted.settings.deviation_scale is not None
    assert fitted.history["validation_psnr_db"].iloc[-1] > fitted.history["validation_psnr_db"].iloc[0]
    assert {f"validation_{name}" for name in ("within_1_deviation", "squared_z", "interval_error")} <= set(
        fitted.history
    )


# --- blind spots ------------------------------------------------------------------------------------------------------


def without_clean(records: list[Record]) -> Any:
    return [Record(r.id, r.group, r.image, {}, r.row) for r in records]


def test_blind_spots_ask_for_hidden_pixels_of_the_noisy_image_itself() -> None:
    (record,) = tiny.records("restoration", 1)
    samples = TASK.learning.dataset(without_clean([record]), params.Training(epochs=1, blind_spots=True))
    rng = np.random.default_rng(0)
    batch = samples.varied(samples.cut([0], rng), rng)
    (seen,), (noisy, hidden) = batch.images[0], batch.targets[0]
    assert torch.equal(noisy, samples.encoded[0].tensor[0])
    assert torch.equal(seen[hidden == 0], noisy[hidden == 0])
    assert not torch.isclose(seen[hidden == 1], noisy[hidden == 1]).all()


def test_patches_of_blind_spots_are_cut_and_flipped() -> None:
    samples = TASK.learning.dataset(without_clean(tiny.records("restoration", 2)), BLIND)
    rng = np.random.default_rng(0)
    batch = samples.varied(samples.cut([1, 0], rng), rng)
    assert batch.images.shape == (2, 1, 32, 32)
    assert batch.targets.shape == (2, 2, 32, 32)


def test_only_hidden_pixels_count() -> None:
    noisy, hidden = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    answer = torch.tensor([[3.0, 9.0], [9.0, 5.0]])[None, None]
    assert float(error(answer, torch.stack([noisy, hidden])[None])) == pytest.approx((2**2 + 1) / 2)


def test_training_with_blind_spots_never_looks_at_a_clean_image() -> None:
    """Training images have none; those of the validation split are wrong on purpose, and change nothing but the scores."""
    train = without_clean(tiny.records("restoration", 4, seed=1))
    correct: Any = tiny.records("restoration", 2, seed=2)
    wrong: Any = [Record(r.id, r.group, r.image, {"clean": r.fields["clean"][::-1].copy() * 50}) for r in correct]
    model = tiny.model("restoration", network={"residual": False}, blind_spots=True, epochs=3)
    first, second = (training.fit(TASK, model, train, validation, tiny.COMPUTE) for validation in (correct, wrong))
    assert first.best_epoch == second.best_epoch == 2
    assert list(first.history["validation_psnr_db"]) != list(second.history["validation_psnr_db"])
    state = second.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in first.network.state_dict().items())


def test_noisy_images_alone_teach_to_denoise() -> None:
    records = tiny.records("restoration", 8, seed=1)
    model = tiny.model(
        "restoration",
        network={"residual": False, "filters": 8},
        blind_spots=True,
        epochs=4,
        steps_per_epoch=25,
        learning_rate=0.02,
    )
    unseen: Any = tiny.records("restoration", 4, seed=2)
    fitted = training.fit(TASK, model, without_clean(records), unseen, tiny.COMPUTE)
    noisy = [restoration.statistics(Picture(r.image), Picture(r.fields["clean"]))["psnr_db"] for r in unseen]
    assert fitted.history["validation_psnr_db"].iloc[-1] > np.mean(noisy) + 3


# --- no clean images ---------------------------------------------------------------------------------------------------


def with_repeats(records: list[Record]) -> Any:
    """Each with another noisy image of the same field instead of the clean one."""
    rng = np.random.default_rng(9)
    made = []
    for r in records:
        other = (rng.poisson(r.fields["clean"] * 12) / 12).astype(np.float32)
        noise = float(np.sqrt(np.mean(r.fields["clean"]) / 12))
        made.append(Record(r.id, r.group, r.image, {"repeats": other}, {"repeats_deviation": noise}))
    return made


def test_the_objective_is_what_the_truth_allows() -> None:
    records = tiny.records("restoration", 2)
    expected = {"psnr_db": records, "estimated_psnr_db": with_repeats(records), "blind_error": without_clean(records)}
    for metric, known in expected.items():
        truth = [TASK.learning.truth(record) for record in known]
        assert TASK.objective_on(truth).metric == metric
        assert TASK.objective_of(TASK.scoring.score(truth, truth)).metric == metric
    assert TASK.objective_on([]) == TASK.objective


@pytest.mark.parametrize("make", [without_clean, with_repeats])
def test_an_epoch_is_chosen_and_a_training_stopped_without_clean_images(make: Any) -> None:
    records = make(tiny.records("restoration", 4))
    model = tiny.model(
        "restoration",
        network={"residual": False},
        blind_spots=True,
        epochs=12,
        patience=2,
        learning_rate=0.3,
        schedule="constant",
    )
    fitted = training.fit(TASK, model, records, records[:2], tiny.COMPUTE)
    values = [fitted.objective.rank(value) for value in fitted.history[f"validation_{fitted.objective.metric}"]]
    assert fitted.best_epoch == int(np.argmax(values))
    assert len(values) == min(12, fitted.best_epoch + 3)


@pytest.mark.parametrize(("make", "metric"), [(without_clean, "blind_error"), (with_repeats, "estimated_psnr_db")])
def test_what_copies_the_noise_scores_worse_than_what_removes_it(make: Any, metric: str) -> None:
    """The input itself, a little smoothed, and the clean image; each as the model sees the image that is scored."""
    from scipy import ndimage

    records = tiny.records("restoration", 6)
    known = make(records)
    truth = [TASK.learning.truth(record) for record in known]
    shown = [np.asarray(TASK.learning.judged_pixels(record), np.float32) for record in known]
    answers = (shown, [ndimage.gaussian_filter(s, 1.5) for s in shown], [r.fields["clean"] for r in records])
    objective = TASK.objective_on(truth)
    copied, smoothed, clean = (
        objective.rank(TASK.scoring.score([Picture(p) for p in answer], truth)[metric]) for answer in answers
    )
    assert copied < smoothed < clean


def test_a_supervised_training_on_noise_alone_says_what_to_do() -> None:
    records = without_clean(tiny.records("restoration", 2))
    with pytest.raises(BrightfieldError, match=r"Set training.blind_spots: true \(and network.residual"):
        training.fit(TASK, tiny.model("restoration"), records, records, tiny.COMPUTE)


def test_pairs_of_repeats_teach_as_clean_images_do() -> None:
    records = with_repeats(tiny.records("restoration", 8, seed=1))
    unseen: Any = tiny.records("restoration", 4, seed=2)
    model = tiny.model("restoration", network={"filters": 8}, epochs=4, steps_per_epoch=25, learning_rate=0.02)
    fitted = training.fit(TASK, model, records, unseen, tiny.COMPUTE)
    noisy = [restoration.statistics(Picture(r.image), Picture(r.fields["clean"]))["psnr_db"] for r in unseen]
    assert fitted.history["validation_psnr_db"].max() > np.mean(noisy) + 3


@pytest.mark.parametrize("make", [without_clean, with_repeats])
def test_a_baseline_finds_its_strength_without_clean_images(make: Any) -> None:
    records: Any = tiny.records("restoration", 4)
    exact, found = (
        training.fit(TASK, tiny.baseline("restoration"), known, known, tiny.COMPUTE).network
        for known in (records, make(records))
    )
    seen = [TASK.learning.encode(r.image) for r in records]
    scores = []
    for network in (exact, found):
        answers = [TASK.answering.decode(network.answer(e.tensor.numpy()), e) for e in seen]
        scores.append(TASK.scoring.score(answers, [TASK.learning.truth(r) for r in records])["psnr_db"])
    assert scores[1] == pytest.approx(scores[0], abs=1.0)


def test_the_noise_of_hidden_pixels_is_that_of_bright_and_dark_ones() -> None:
    """Photon noise of a bright half (100 counts) and a dark one (4): the mean variance is 52; of hardly any counts, their own."""
    counts = np.random.default_rng(0).poisson(np.repeat([4.0, 100.0], 64)[None] * np.ones((128, 1)))
    truth = TASK.learning.truth(Record("a", "a", counts.astype(np.uint16)))
    assert truth.deviation[np.isfinite(truth.deviation)] == pytest.approx(np.sqrt(52), rel=0.1)
    few = np.random.default_rng(0).poisson(0.02, (64, 64)).astype(np.uint16)
    truth = TASK.learning.truth(Record("a", "a", few))
    assert truth.deviation[np.isfinite(truth.deviation)] == pytest.approx(few.std(), rel=0.1)


@pytest.mark.parametrize(("mask", "best"), [("row", "row"), ("column", "column")])
def test_stripes_are_hidden_where_they_were_found(mask: str, best: str) -> None:
    (record,) = tiny.records("restoration", 1)
    known = Record("a", "a", record.image, {}, {"blind_mask": mask})
    counts = np.isfinite(TASK.learning.truth(known).deviation)
    lines = counts.any(axis=1 if best == "row" else 0)
    assert 0 < lines.mean() < 0.5
    assert (counts[lines] if best == "row" else counts[:, lines]).all()


def test_hidden_rows_teach_to_remove_stripes_that_hidden_pixels_leave() -> None:
    """And scores by hidden rows, without clean images, say so."""
    rng = np.random.default_rng(3)
    striped = [
        Record(
            r.id, r.group, (r.image + rng.normal(0, 0.4, (48, 1))).astype(np.float32), r.fields, {"blind_mask": "row"}
        )
        for r in tiny.records("restoration", 8, seed=1)
    ]
    alone: Any = [Record(r.id, r.group, r.image, {}, r.row) for r in striped]
    psnr, blind = {}, {}
    for mask in ("pixel", "row"):
        settings = {"blind_spots": True, "blind_mask": mask, "epochs": 2, "steps_per_epoch": 40, "learning_rate": 0.02}
        model = tiny.model("restoration", network={"residual": False, "filters": 8}, **settings)
        fitted = training.fit(TASK, model, alone, alone, tiny.COMPUTE)
        seen = [TASK.learning.encode(r.image) for r in striped]
        activated = activations.activations(TASK, fitted.network, seen, start_device(tiny.COMPUTE))
        answers = [TASK.answering.decode(a, e) for a, e in zip(activated, seen, strict=True)]
        truth = [TASK.learning.truth(r) for r in striped]
        psnr[mask] = TASK.scoring.score(answers, truth)["psnr_db"]
        blind[mask] = fitted.history["validation_blind_error"].min()
    assert psnr["row"] > psnr["pixel"] + 2
    assert blind["row"] < blind["pixel"]


def test_patches_with_hidden_rows_are_turned_with_them() -> None:
    samples = TASK.learning.dataset(
        without_clean(tiny.records("restoration", 8)), BLIND.model_copy(update={"blind_mask": "row"})
    )
    rng = np.random.default_rng(0)
    batch = samples.varied(samples.cut(list(range(8)), rng), rng)
    hidden = batch.targets[:, 1].numpy() > 0
    whole_rows, whole_columns = hidden.all(axis=2).any(axis=1), hidden.all(axis=1).any(axis=1)
    assert (whole_rows ^ whole_columns).all()
    assert whole_rows.any()
    assert whole_columns.any()
    noisy = batch.targets[:, :1]
    assert torch.equal(batch.images[~torch.from_numpy(hidden)[:, None]], noisy[~torch.from_numpy(hidden)[:, None]])


def test_a_mask_without_blind_spots_is_refused() -> None:
    with pytest.raises(BrightfieldError, match="blind_mask 'row' says what training.blind_spots hides"):
        tiny.model("restoration", blind_mask="row")


# --- levels of light --------------------------------------------------------------------------------------------------


def test_of_a_kind_all_metrics_are_told() -> None:
    truth = [TASK.learning.truth(record) for record in tiny.records("restoration", 3)]
    columns = {name: np.ones(3) for name in TASK.scoring.statistics(truth[0], truth[0])}
    assert TASK.scoring.summarise_subset(columns) == pytest.approx(TASK.scoring.summarise(columns))
    assert TASK.scoring.correct(columns) is None


def test_a_row_tells_the_mean_deviation_where_there_is_one() -> None:
    pixels = np.array([[1.0, 3.0]], np.float32)
    assert TASK.rows(Picture(pixels)).to_dict("records") == [{"min": 1.0, "mean": 2.0, "max": 3.0}]
    assert TASK.rows(Picture(pixels, pixels / 2))["deviation"].tolist() == [1.0]


def test_a_prediction_sees_every_pixel_of_an_image_of_which_nothing_else_is_known() -> None:
    (record,) = tiny.records("restoration", 1)
    alone = Record("new", "new", record.image)
    assert np.array_equal(TASK.learning.pixels(alone), record.image)
    assert not np.array_equal(TASK.learning.judged_pixels(alone), record.image)
    assert np.array_equal(TASK.learning.judged_pixels(record), record.image)
