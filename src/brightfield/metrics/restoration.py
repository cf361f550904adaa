"""Metrics of a restored image against the clean one.

PSNR, SSIM and normalised error need the range of intensities of the image. It is the range of the 0.1 to 99.9 percentile of the
truth, so that a few hot pixels do not flatter an answer. ``psnr_db``, ``ssim`` and ``nrmse`` fit no gain or offset.
``psnr_affine_db``, ``ssim_affine`` and ``nrmse_affine`` compare after the gain and offset that bring the answer nearest to the
truth (as Weigert et al., Nature Methods 2018): they do not depend on the scale of intensities.

Where there is no clean image, an answer is compared with noisy pixels that had no part in it: a truth whose ``deviation`` is that
of its noise, and infinite where the model saw the pixel. See :func:`noisy_statistics`.

Structures are regions above a common level in the truth and in the fitted answer; see :func:`structures`. Predicted deviations are
compared with the errors; see :func:`calibration`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from brightfield.metrics import Columns, Real, Weights, column, every_image_once, mean, of_one, ratio, totals
from brightfield.results import Picture

QUALITY = ("psnr_db", "ssim", "nrmse")
AFFINE = ("psnr_affine_db", "ssim_affine", "nrmse_affine")
STRUCTURES = ("structures", "lost", "invented", "structures_px", "lost_px", "invented_px")
PERCENTILES = (0.1, 99.9)  # percentiles of the truth that bound its range of intensities
HIGHEST_PSNR_DB = 100.0  # reported for identical images, where the ratio is infinite and no mean could be taken
SSIM_SIGMA_PX = 1.5
_SSIM_WINDOW_PX = 11  # window that scikit-image derives from the sigma; a smaller image has no SSIM
LEAST_STRUCTURE_PX = 10  # smallest area of a structure: about that of a point under a narrow point-spread function
MAJORITY = 0.5  # a structure of which a smaller share of pixels is shown in the other image is lost or invented
INSIDE = tuple(range(10, 100, 10))  # central intervals of a normal distribution, in per cent
DEVIATIONS = {"within_1_deviation": 1.0, "within_2_deviations": 2.0}
ESTIMATED = {
    "estimated_psnr_db": "squared_error",
    "estimated_psnr_affine_db": "squared_error_affine",
}  # metric -> statistic
CALIBRATION = (*(f"inside_{percent}" for percent in INSIDE), *DEVIATIONS, "squared_z")


def data_range(truth: npt.NDArray[np.float32]) -> float:
    """The 0.1 to 99.9 percentile range of a clean image, in its units."""
    low, high = np.percentile(truth, PERCENTILES)
    return float(high - low)


def statistics(predicted: Picture, truth: Picture) -> dict[str, float]:
    """The contribution of one image.

    Returns:
        ``psnr_db``, 10 log10(range^2 / mean squared error), at most ``HIGHEST_PSNR_DB``; ``ssim``, structural
        similarity after Wang et al. (IEEE TIP 2004) with their Gaussian window of sigma 1.5 px, nan when a side is
        shorter than 11 px; ``nrmse``, root mean square error / range; the same with ``_affine``; the counts of :func:`structures`;
        where the answer has deviations, the shares of :func:`calibration`. All nan when the truth is constant, or the answer is
        not finite. For a noisy truth, those of :func:`noisy_statistics`.

    Raises:
        ValueError: the pictures differ in size.
    """
    if truth.deviation is not None:
        return noisy_statistics(predicted, truth)
    answer, clean, span = _compared(predicted, truth)
    has_deviation = predicted.deviation is not None
    if not _is_defined(answer, span):
        names = (*QUALITY, *AFFINE, *STRUCTURES, *(CALIBRATION if has_deviation else ()))
        return dict.fromkeys(names, float("nan"))
    fitted = affine_fit(answer, clean)
    return {
        **dict(zip(QUALITY, _quality(answer, clean, span), strict=True)),
        **dict(zip(AFFINE, _quality(fitted, clean, span), strict=True)),
        **structures(fitted, clean),
        **(calibration(predicted, truth) if has_deviation else {}),
    }


def noisy_statistics(predicted: Picture, truth: Picture) -> dict[str, float]:
    """The contribution of one image whose truth is a noisy image, independent of the one that was answered.

    The squared error against a noisy image y of the same field exceeds that against the clean one by the variance of the noise of
    y, whatever the answer, as long as the answer does not depend on that noise (Lehtinen et al., ICML 2018; for hidden pixels
    Batson and Royer, ICML 2019). So to copy the noise of the input gains nothing.

    Args:
        predicted: the answer.
        truth: noisy pixels, and the standard deviation of their noise: infinite for pixels that do not count.

    Returns:
        Where some pixels do not count (hidden ones alone do): ``blind_error``, the mean of (error / deviation)^2, 1 for an answer
        that errs by the noise alone. Where all count (the mean of other repeats): ``squared_error``, the mean squared error less
        the variance of the noise, over range^2, an unbiased estimate of that against the clean image, which chance may make
        negative; ``estimated_psnr_db`` from it, at most ``HIGHEST_PSNR_DB``; both also with ``_affine``; ``repeat_nrmse``, the root
        mean square error against the other repeats, noise included, over the range. The range is that of the noisy truth. nan
        when the truth is constant or the answer is not finite.

    Raises:
        ValueError: the pictures differ in size.
    """
    assert truth.deviation is not None
    answer, noisy, span = _compared(predicted, truth)
    known = np.isfinite(truth.deviation)
    defined = _is_defined(answer, span) and bool((truth.deviation > 0).all())
    if not known.all():
        error = (answer[known] - noisy[known]) / truth.deviation[known] if defined else np.full(1, np.nan)
        return {"blind_error": float(np.mean(error**2))}
    if not defined:
        return dict.fromkeys((*ESTIMATED, *ESTIMATED.values(), "repeat_nrmse"), float("nan"))
    variance = float(np.mean(truth.deviation.astype(np.float64) ** 2)) / span**2
    nrmse, affine = _nrmse(answer, noisy, span), _nrmse(affine_fit(answer, noisy), noisy, span)
    found = {"squared_error": nrmse**2 - variance, "squared_error_affine": affine**2 - variance, "repeat_nrmse": nrmse}
    return found | {metric: _psnr_db(math.sqrt(max(found[name], 0.0))) for metric, name in ESTIMATED.items()}


def psnr_db(predicted: Picture, truth: Picture) -> float:
    """``psnr_db`` of :func:`statistics` alone, which takes a twentieth of the time."""
    answer, clean, span = _compared(predicted, truth)
    return _psnr_db(_nrmse(answer, clean, span)) if _is_defined(answer, span) else float("nan")


def neighbour_correlation(rest: Real) -> float:
    """The correlation of neighbouring pixels in what was removed from an image, (H, W); nan where nothing was.

    It is 0 for white noise, and positive where structure was removed with it, or where the camera's noise itself is correlated.
    """
    centred = rest - rest.mean()
    power = float(np.mean(centred**2))
    across, down = centred[:, 1:] * centred[:, :-1], centred[1:] * centred[:-1]
    shared = (float(across.sum()) + float(down.sum())) / max(across.size + down.size, 1)
    return shared / power if power > 0 else math.nan


def _compared(predicted: Picture, truth: Picture) -> tuple[Real, Real, float]:
    """The answer and the truth, and the range of intensities of the truth."""
    if predicted.pixels.shape != truth.pixels.shape:
        raise ValueError(
            f"prediction and truth must share a shape, got {predicted.pixels.shape} and {truth.pixels.shape}"
        )
    return predicted.pixels.astype(np.float64), truth.pixels.astype(np.float64), data_range(truth.pixels)


def _is_defined(answer: Real, span: float) -> bool:
    return bool(span > 0 and np.isfinite(answer).all())


def affine_fit(answer: Real, clean: Real) -> Real:
    """``gain * answer + offset`` with the least squared error against the clean image (H, W)."""
    centred = answer - answer.mean()
    power = float(np.mean(centred**2))
    gain = float(np.mean(centred * clean)) / power if power > 0 else 0.0
    fitted: Real = gain * centred + clean.mean()
    return fitted


def _quality(answer: Real, clean: Real, span: float) -> tuple[float, float, float]:
    """PSNR in dB, SSIM, normalised root mean square error."""
    nrmse = _nrmse(answer, clean, span)
    return _psnr_db(nrmse), _ssim(answer, clean, span), nrmse


def _nrmse(answer: Real, clean: Real, span: float) -> float:
    return math.sqrt(float(np.mean((answer - clean) ** 2))) / span


def _psnr_db(nrmse: float) -> float:
    return min(-20 * math.log10(nrmse) if nrmse > 0 else HIGHEST_PSNR_DB, HIGHEST_PSNR_DB)


def structures(answer: Real, clean: Real) -> dict[str, float]:
    """Count the structures that the answer has lost and those that it has invented.

    A structure is a connected region of at least ``LEAST_STRUCTURE_PX`` above a level: Otsu's threshold of the truth, for both
    images. A true structure is lost if most of its pixels in the answer lie below a lower level, half-way from the truth's
    background (its median below the threshold) to the threshold; one of the answer is invented if most of its pixels in the truth
    do. The gap between the levels allows for a structure that is a little too dim or too bright. Split and merged structures are
    neither lost nor invented.

    Args:
        answer: (H, W), in the intensities of the truth: after :func:`affine_fit`.
        clean: (H, W), not constant.

    Returns:
        ``structures``, ``lost`` and ``invented``, their numbers; ``structures_px``, ``lost_px`` and ``invented_px``, their areas in
        the image that shows them.
    """
    from skimage.filters import threshold_otsu

    otsu: Callable[[Real], float] = threshold_otsu
    dark = clean <= otsu(clean)
    # the middle between the means of both classes, as Otsu's threshold; in a gap of the histogram that may lie anywhere
    level = (float(clean[dark].mean()) + float(clean[~dark].mean())) / 2
    lower = (float(np.median(clean[clean <= level])) + level) / 2
    true_sizes, true_shown = _regions(clean > level, answer > lower)
    sizes, shown = _regions(answer > level, clean > lower)
    lost, invented = true_shown < MAJORITY, shown < MAJORITY
    return {
        "structures": float(len(true_sizes)),
        "lost": float(lost.sum()),
        "invented": float(invented.sum()),
        "structures_px": float(true_sizes.sum()),
        "lost_px": float(true_sizes[lost].sum()),
        "invented_px": float(sizes[invented].sum()),
    }


def _regions(bright: npt.NDArray[np.bool_], shown: npt.NDArray[np.bool_]) -> tuple[Real, Real]:
    """The area of each connected region that is large enough, and the share of its pixels that the other image shows."""
    labels, count = ndimage.label(bright)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    also = np.bincount(labels[shown], minlength=count + 1)[1:]
    large = sizes >= LEAST_STRUCTURE_PX
    return sizes[large].astype(np.float64), also[large] / sizes[large]


def calibration(predicted: Picture, truth: Picture) -> dict[str, float]:
    """Compare the predicted deviations with the errors, z = error / deviation.

    Returns:
        ``inside_10`` ... ``inside_90``, the share of the pixels in the central interval that contains 10 ... 90 per cent of a
        normal distribution; ``within_1_deviation`` and ``within_2_deviations`` (0.683 and 0.954 for a normal z); ``squared_z``,
        the mean of z^2 (1 where deviations are as large as errors).
    """
    size = np.abs(_z(predicted, truth))
    limits = {f"inside_{percent}": float(special.ndtri(0.5 + percent / 200)) for percent in INSIDE} | DEVIATIONS
    inside = {name: float(np.mean(size <= limit)) for name, limit in limits.items()}
    return {**inside, "squared_z": float(np.mean(size**2))}


def _z(predicted: Picture, truth: Picture) -> Real:
    assert predicted.deviation is not None
    error = predicted.pixels.astype(np.float64) - truth.pixels
    return error / np.maximum(predicted.deviation.astype(np.float64), np.finfo(np.float32).tiny)


def _estimated_psnr(columns: Columns, metric: str, weights: Weights) -> Real:
    """The PSNR of the mean squared error: that of one image may be negative by chance, and has no logarithm then."""
    errors = mean(column(columns, ESTIMATED[metric]), weights)
    lowest = 10 ** (-HIGHEST_PSNR_DB / 10)
    return np.asarray(-10 * np.log10(np.maximum(errors, lowest)))


def deviation_scale(pairs: Iterable[tuple[Picture, Picture]]) -> float:
    """The factor on the deviations for which the mean z^2 is 1, over pairs of answer and truth; 1 if undefined.

    It is the maximum-likelihood estimate for normal errors. The noise of a truth that is itself noisy is subtracted.
    """
    square = float(np.mean([np.mean(_z(answer, truth) ** 2) - _noise_in_z(answer, truth) for answer, truth in pairs]))
    return math.sqrt(square) if math.isfinite(square) and square > 0 else 1.0


def _noise_in_z(predicted: Picture, truth: Picture) -> float:
    """What the noise of the truth adds to the mean z^2."""
    if truth.deviation is None:
        return 0.0
    return float(np.mean(_z(Picture(truth.pixels + truth.deviation, predicted.deviation), truth) ** 2))


def _ssim(answer: Real, clean: Real, span: float) -> float:
    from skimage.metrics import structural_similarity

    if min(clean.shape) < _SSIM_WINDOW_PX:
        return float("nan")
    similarity: Callable[..., float] = structural_similarity
    return float(
        similarity(
            clean, answer, data_range=span, gaussian_weights=True, sigma=SSIM_SIGMA_PX, use_sample_covariance=False
        )
    )


def summarise(columns: Columns) -> dict[str, float]:
    """The metrics of :func:`pooled`, with every image once."""
    return of_one(pooled(columns, every_image_once(columns)))


def pooled(columns: Columns, weights: Weights) -> dict[str, Real]:
    """Means over the images of each resample. One undefined value makes a mean nan, so that a broken answer is not overlooked.

    Returns:
        The means of ``QUALITY`` and ``AFFINE``; ``lost_percent`` and ``invented_percent``, structures in per cent of the true ones;
        ``lost_area_percent`` and ``invented_area_percent``, their pixels in per cent of those of the true ones. Where answers have
        deviations: ``within_1_deviation``, ``within_2_deviations``, ``squared_z``, and ``interval_error``, the mean absolute
        difference between the share of pixels inside an interval and the nominal one (Kuleshov, Fenner and Ermon, ICML 2018).
        For a noisy truth, the mean of ``blind_error``, or of ``repeat_nrmse`` and, of the mean squared error, the PSNR.
    """
    if "blind_error" in columns:
        return {"blind_error": mean(column(columns, "blind_error"), weights)}
    if "repeat_nrmse" in columns:
        estimated = {metric: _estimated_psnr(columns, metric, weights) for metric in ESTIMATED}
        return {**estimated, "repeat_nrmse": mean(column(columns, "repeat_nrmse"), weights)}
    found = totals(columns, STRUCTURES, weights)
    metrics = {name: mean(column(columns, name), weights) for name in (*QUALITY, *AFFINE)}
    for what in ("lost", "invented"):
        metrics[f"{what}_percent"] = 100 * ratio(found[what], found["structures"])
        metrics[f"{what}_area_percent"] = 100 * ratio(found[f"{what}_px"], found["structures_px"])
    if CALIBRATION[0] not in columns:
        return metrics
    shares = {name: mean(column(columns, name), weights) for name in CALIBRATION}
    off = [np.abs(shares[f"inside_{percent}"] - percent / 100) for percent in INSIDE]
    return (
        metrics
        | {name: shares[name] for name in (*DEVIATIONS, "squared_z")}
        | {"interval_error": np.asarray(np.mean(off, axis=0))}
    )
