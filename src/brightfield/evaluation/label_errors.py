"""``brightfield labels NAME``: find the crops of a dataset whose label is probably wrong, to be checked again.

Each crop is classified by a model that was trained without its group (smear). The classifier must be fast and need no network
trained on these labels: it is a logistic regression on the colour and texture features of the baseline and the pooled features of
an ImageNet encoder. On simulated crops that is clearly better than the baseline's features alone. From its probabilities
cleanlab's confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021) finds labels that are probably wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout, params, tasks
from brightfield.architectures import Shape, pretrained, smp
from brightfield.architectures.features import features
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.results import contact_sheets
from brightfield.system import progress
from brightfield.system.files import atomic_folder
from brightfield.tasks import Task

SPLITS = ("train", "validation")  # splits that are searched; the test split is for scores alone
ENCODER_PX = 96  # side to which crops are resized for the encoder
FIRST_STAGE = 2  # first stage of the encoder that gives features, at a quarter of the resolution
REGULARISATION = 0.003  # C of scikit-learn: strong, for about a thousand features and many wrong labels
BATCH = 32  # crops per batch of the encoder
# columns of label_errors.csv
COLUMNS = ("rank", "id", "group", "split", "label", "probability_of_label", "margin", "suspected")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelErrorReport:
    """Result of a search for label errors.

    Attributes:
        table: one row per image, the most suspect first; columns ``COLUMNS``.
        suspected: number of labels that are probably wrong, by confident learning.
        folder: contains label_errors.csv and label_errors.png.
    """

    table: pd.DataFrame
    suspected: int
    folder: Path

    def __str__(self) -> str:
        share = self.suspected / len(self.table)
        return (
            f"{self.suspected} of {len(self.table)} labels ({share:.1%}) are probably wrong; look at "
            f"{self.folder / layout.LABEL_ERRORS_SHEET}, the whole list is {self.folder / layout.LABEL_ERRORS}"
        )


def write(name: str, folds: int = 4, top: int = 50) -> LabelErrorReport:
    """Find label errors of the training and validation split, and write ``reports/labels-NAME``.

    Args:
        name: an entry of ``datasets`` that is prepared, of a task that ``classifies_images``.
        folds: number of parts of the groups; each part is classified by a model trained on the others.
        top: number of crops on the contact sheet.

    Raises:
        BrightfieldError: another task, fewer groups than folds, or a fold whose training part lacks a class.
    """
    settings = params.load()
    dataset = params.entry(settings.datasets, name, "dataset")
    task = tasks.build(dataset.kind, settings.tasks[dataset.task].settings)
    if not task.classifies_images:
        able = tasks.kinds_that(lambda kind: kind.classifies_images)
        raise BrightfieldError(f"Dataset {name!r} is of kind {dataset.kind}: only labels of {able} can be judged.")
    sets = [ImageSet.prepared(layout.prepared(name), split) for split in SPLITS]
    index = pd.concat([each.index for each in sets], ignore_index=True)
    groups = index["group"].to_numpy(dtype=str)
    _check_folds(folds, groups)  # before the features, which take long
    described = compute_features(
        task, (record for each in sets for record in progress.track(each, f"labels {name}", unit="image"))
    )
    labels = index["label"].to_numpy(dtype=np.int64)
    found = find_label_errors(labels, out_of_fold(described, labels, groups, folds))
    table = ranked(index, found, task.class_names)
    with atomic_folder(layout.report(f"labels-{name}")) as folder:
        table.to_csv(folder / layout.LABEL_ERRORS, index=False, float_format="%.6g", lineterminator="\n")
        first = found.order[:top]
        crops = [(sets[0][i] if i < len(sets[0]) else sets[1][i - len(sets[0])]).image for i in first]
        captions = [
            (f"{row['rank']}  {row['label']}: {row['probability_of_label']:.3f}", str(row["id"]))
            for row in table.head(top).to_dict("records")
        ]
        images.write_png(folder / layout.LABEL_ERRORS_SHEET, contact_sheets.contact_sheet(crops, captions))
    return LabelErrorReport(table, int(found.suspected.sum()), layout.report(f"labels-{name}"))


def compute_features(task: Task[Any, Any], records: Iterable[Record]) -> FloatArray:
    """Features of crops, (N, F): those of the baseline, and mean and standard deviation of each map of the encoder."""
    import torch
    from torch.nn import functional as F

    network = params.Smp(architecture="smp", encoder=smp.SHIPPED_ENCODER, weights=pretrained.SHIPPED)
    encoder: Any = smp.build(network, Shape(task.learning.shape().inputs, 1)).encoder
    encoder.eval()
    rows: list[FloatArray] = []
    batch: list[torch.Tensor] = []

    def flush() -> None:
        stacked = F.interpolate(torch.stack(batch), size=(ENCODER_PX, ENCODER_PX), mode="bilinear")
        maps = encoder(stacked)[FIRST_STAGE:]
        pooled = torch.cat([torch.cat([each.mean((2, 3)), each.std((2, 3))], dim=1) for each in maps], dim=1)
        own = np.stack([features(each.numpy()) for each in batch])
        rows.append(np.concatenate([own, pooled.double().numpy()], axis=1))
        batch.clear()

    with torch.inference_mode():
        for record in records:
            batch.append(task.learning.encode(record.image).tensor)
            if len(batch) == BATCH:
                flush()
        if batch:
            flush()
    return np.concatenate(rows)


def out_of_fold(
    described: FloatArray,
    labels: IntArray,
    groups: npt.NDArray[np.str_],
    folds: int,
    regularisation: float = REGULARISATION,
) -> FloatArray:
    """Probabilities (N, 2) from models that were trained without the group of the image.

    Raises:
        BrightfieldError: there are fewer groups than folds, or a class is in one fold only.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _check_folds(folds, groups)
    probabilities = np.empty((len(labels), 2))
    dealt = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    for known, judged in dealt.split(described, labels, groups):
        if len(np.unique(labels[known])) < 2:
            raise BrightfieldError("One class lies in one fold only, so it cannot be judged: import more groups of it.")
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=regularisation, class_weight="balanced", max_iter=1000)
        )
        probabilities[judged] = model.fit(described[known], labels[known]).predict_proba(described[judged])
    return probabilities


def _check_folds(folds: int, groups: npt.NDArray[np.str_]) -> None:
    found = len(np.unique(groups))
    if not 2 <= folds <= found:
        raise BrightfieldError(f"--folds must be 2 to the number of groups, {found}, got {folds}.")


def ranked(index: pd.DataFrame, found: LabelErrors, classes: list[str]) -> pd.DataFrame:
    """Table with ``COLUMNS``, the most suspect label first; labels by name."""
    table = index[["id", "group", "split"]].assign(
        label=[classes[label] for label in index["label"].astype(int)],
        probability_of_label=found.confidence,
        margin=found.margin,
        suspected=found.suspected.astype(int),
    )
    table = table.iloc[found.order].reset_index(drop=True)
    return table.assign(rank=table.index + 1)[list(COLUMNS)]


@dataclass(frozen=True)
class LabelErrors:
    """Probable errors among N labels.

    Attributes:
        confidence: (N,) probability of the given label, 0 to 1; low is suspect.
        margin: (N,) that probability minus the largest probability of another class, -1 to 1.
        suspected: (N,) whether confident learning would remove the label.
        order: (N,) rows by confidence, the most suspect first.
        joint: (K, K) share of the images by given class (row) and estimated true class (column); sums to 1.
    """

    confidence: FloatArray
    margin: FloatArray
    suspected: npt.NDArray[np.bool_]
    order: IntArray
    joint: FloatArray


def find_label_errors(labels: IntArray, probabilities: FloatArray) -> LabelErrors:
    """Find probable errors among labels (N,), 0 to K - 1, by out-of-fold probabilities (N, K) whose rows sum to 1.

    The joint distribution of given and true classes is estimated by counting, for each given class, the images whose
    probability of another class is at least the mean probability of that class among its own images. The suspected labels of each
    off-diagonal cell are as many images as it is estimated to have, those with the lowest margin ("prune by noise rate").

    Raises:
        ValueError: shapes that do not match, labels out of range, or a class without an image.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(f"expected labels (N,) and probabilities (N, K), got {labels.shape} and {probabilities.shape}")
    if not np.array_equal(np.unique(labels), np.arange(probabilities.shape[1])):
        raise ValueError(f"expected an image of each class 0 to {probabilities.shape[1] - 1}, got {np.unique(labels)}")
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -np.inf
    confidence = np.asarray(get_label_quality_scores(labels, probabilities, method="self_confidence"), dtype=np.float64)
    suspected = find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    return LabelErrors(
        confidence=confidence,
        margin=probabilities[rows, labels] - others.max(axis=1),
        suspected=np.asarray(suspected, dtype=bool),
        order=np.argsort(confidence, kind="stable").astype(np.int64),
        joint=np.asarray(estimate_joint(labels, probabilities), dtype=np.float64),
    )
