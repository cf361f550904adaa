"""Label, unit and direction of every metric, in one place.

Stages, tuner, registry and dashboard use this table. A test fails for a metric that a task computes and that is not declared.

A name may be built from a declared one: ``test_auc``, ``focus_auc`` and ``validation_auc`` are ``auc`` on a part of the data,
``best_auc`` is the best value of a tuning study, ``test_auc_low`` a bound of its interval, ``auc_of_image`` the value of one image,
and ``iou_<class>`` belongs to the family ``iou_``. :func:`declared` understands all of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        label: name in words, without the unit.
        direction: which values are better; None where neither is.
        unit: symbol of the unit; empty for shares and ratios.
        decimals: number of decimals in a table.
        rises_in_resamples: whether resamples make it larger than the images themselves have it. It is so of the size of a
            deviation, which noise cannot make smaller than 0: images drawn several times add noise, and most to the model that
            deviates least. The share of resamples in which one model is better is then no chance that it is.
    """

    label: str
    direction: Direction | None
    unit: str = ""
    decimals: int = 4
    rises_in_resamples: bool = False

    def __str__(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def said(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """A value in words, with its interval if it has one: "capped error 0.355 px (0.262 to 0.458)"; an undefined one is "?"."""
        number, *bounds = ("?" if v is None or math.isnan(v) else f"{v:.{self.decimals}f}" for v in (value, low, high))
        within = "" if bounds == ["?", "?"] else f" ({bounds[0]} to {bounds[1]})"
        return f"{self.label} {number}{f' {self.unit}' if self.unit else ''}{within}"

    def difference(self, value: float | None, low: float | None = None, high: float | None = None) -> str:
        """A difference in words, with its interval if it has one: "+0.012 px (-0.003 to +0.027)"; an undefined one is "?"."""
        number, *bounds = ("?" if v is None or math.isnan(v) else f"{v:+.{self.decimals}f}" for v in (value, low, high))
        within = "" if bounds == ["?", "?"] else f" ({bounds[0]} to {bounds[1]})"
        return f"{number}{f' {self.unit}' if self.unit else ''}{within}"


def _share(label: str, direction: Direction | None = "maximize") -> Metric:
    return Metric(label, direction)


def _percent(label: str) -> Metric:
    """A percentage of errors."""
    return Metric(label, "minimize", "%", 2)


METRICS: Mapping[str, Metric] = {
    # two classes
    "auc": _share("AUC"),
    "average_precision": _share("average precision"),
    "precision_at_recall_95": _share("precision at 95 % recall"),
    "accuracy": _share("accuracy"),
    "balanced_accuracy": _share("balanced accuracy"),
    "recall": _share("recall"),
    "precision": _share("precision"),
    "brier": _share("Brier score", "minimize"),
    "log_loss": Metric("log loss", "minimize", "nats"),
    "calibration_error": Metric("calibration error", "minimize", rises_in_resamples=True),
    "right": _share("answered correctly"),
    # positions
    "f1": _share("F1"),
    "rmse_px": Metric("RMSE", "minimize", "px"),
    "capped_error_px": Metric("capped error", "minimize", "px"),
    "failure_percent": _percent("failure"),
    "distance_px": Metric("median distance", "minimize", "px", 3),
    "explained": _share("light explained"),
    # classes of pixels, and cells
    "mean_iou": _share("mean IoU"),
    "mean_iou_per_image": _share("mean IoU per image"),
    "mean_accuracy": _share("mean accuracy"),
    "dice": _share("Dice"),
    "ap50": _share("AP50"),
    "ap75": _share("AP75"),
    "ap50_95": _share("AP50 to AP95"),
    "cell_precision": _share("cell precision"),
    "cell_recall": _share("cell recall"),
    "pq": _share("PQ"),
    "merges_percent": _percent("merges"),
    "splits_percent": _percent("splits"),
    "boundary_f1": _share("boundary F1"),
    "confused_px": Metric(
        "pixels confused so", "minimize", "px", 0
    ),  # of an image, in one cell of the confusion matrix
    "species_accuracy": _share("species accuracy"),
    "species_mean_accuracy": _share("species mean accuracy"),
    "species_mean_iou": _share("species mean IoU"),
    # restored images; affine: after the gain and offset that bring the answer nearest to the truth
    "psnr_db": Metric("PSNR", "maximize", "dB", 3),
    "ssim": _share("SSIM"),
    "nrmse": _share("NRMSE", "minimize"),
    "psnr_affine_db": Metric("PSNR affine", "maximize", "dB", 3),
    "ssim_affine": _share("SSIM affine"),
    "nrmse_affine": _share("NRMSE affine", "minimize"),
    # against other noisy images of the same field, whose noise is subtracted
    "estimated_psnr_db": Metric("PSNR estimated from repeats", "maximize", "dB", 3),
    "estimated_psnr_affine_db": Metric("PSNR affine estimated from repeats", "maximize", "dB", 3),
    "repeat_nrmse": _share("NRMSE to the other repeats", "minimize"),
    # of pixels hidden from the model, against their noisy values; 1 is a perfect answer, which errs by the noise alone
    "blind_error": Metric("blind-spot error", "minimize", "noise variances"),
    "lost_percent": _percent("lost"),
    "lost_area_percent": _percent("lost area"),
    "invented_percent": _percent("invented"),
    "invented_area_percent": _percent("invented area"),
    "within_1_deviation": _share("within 1 deviation", None),  # 0.683 is right
    "within_2_deviations": _share("within 2 deviations", None),  # 0.954 is right
    "squared_z": _share("squared z", None),  # 1 is right
    "interval_error": Metric("interval error", "minimize", rises_in_resamples=True),
    "removed": Metric("removed (standard deviation)", None, decimals=2),
    "residual_correlation": _share("correlation of neighbours in the residual", None),  # 0: white
    # values of an epoch
    "train_loss": _share("train loss", "minimize"),
    "learning_rate": _share("learning rate", None),
    # properties of images, against which metrics are plotted
    "cover": _share("cover", None),
    "focus_um": Metric("focus", None, "\N{MICRO SIGN}m"),
}
FAMILIES: Mapping[str, Metric] = {"iou_": _share("IoU")}  # by the prefix of the name; the name of a class follows

OF_IMAGE = "_of_image"  # suffix of a metric of a single image
BOUNDS = {"_low": "lower bound", "_high": "upper bound"}  # suffixes of the bounds of an interval


def declared(name: str) -> Metric:
    """The metric of a name, with its full label: ``validation_psnr_db`` is "validation PSNR (dB)".

    The label of an undeclared metric is the words of its name, without unit and direction.
    """
    known = _exactly(name)
    if known is not None:
        return known
    if name.endswith(OF_IMAGE):
        return _longer(declared(name.removesuffix(OF_IMAGE)), after=" of an image")
    for end, words in BOUNDS.items():
        if name.endswith(end):
            return _longer(declared(name.removesuffix(end)), after=f", {words}")
    words_of_name = name.split("_")
    for first in range(1, len(words_of_name)):  # the longest metric first: test_mean_iou is not "test mean" of iou
        known = _exactly("_".join(words_of_name[first:]))
        if known is not None:
            return _longer(known, before=f"{' '.join(words_of_name[:first])} ")
    return Metric(" ".join(words_of_name), None)


def _exactly(name: str) -> Metric | None:
    if name in METRICS:
        return METRICS[name]
    for begin, metric in FAMILIES.items():
        if name.startswith(begin) and name != begin:
            return _longer(metric, after=f" {name.removeprefix(begin).replace('_', ' ')}")
    return None


def _longer(metric: Metric, before: str = "", after: str = "") -> Metric:
    return replace(metric, label=f"{before}{metric.label}{after}")


@dataclass(frozen=True)
class Objective:
    """The metric by which checkpoints, trials, ensemble members and champions are chosen, with its declared direction.

    Raises:
        ValueError: the metric is not declared, or has no direction.
    """

    metric: str

    def __post_init__(self) -> None:
        if self.metric not in METRICS or METRICS[self.metric].direction is None:
            able = ", ".join(name for name, metric in METRICS.items() if metric.direction)
            raise ValueError(
                f"an objective must be a declared metric with a direction, got {self.metric!r}: expected one of {able}"
            )

    @property
    def direction(self) -> Direction:
        """Which values are better."""
        found = METRICS[self.metric].direction
        assert found is not None
        return found

    def rank(self, value: float) -> float:
        """The value with its sign such that larger is better; nan becomes the worst."""
        if math.isnan(value):
            return -math.inf
        return value if self.direction == "maximize" else -value

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``."""
        return self.rank(a) > self.rank(b)
