"""``brightfield labels NAME``: the crops of a dataset whose label is probably wrong, to be looked at again.

Each crop is judged by a classifier that saw nothing of its group (smear). The classifier must be quick and need no network
trained on these very labels: the colour and texture features of the baseline beside those of an ImageNet encoder, pooled, and
logistic regression. On simulated crops that is clearly better than the baseline's features alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout, params, progress, sheets, tasks
from brightfield.architectures import Shape, pretrained, smp
from brightfield.architectures.features import features
from brightfield.data import label_errors
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.files import whole_folder
from brightfield.records import Record
from brightfield.tasks import Task

SPLITS = ("train", "validation")  # the test split is for scores alone
ENCODER_PX = 96  # crops are brought to this size for the encoder
FIRST_STAGE = 2  # the encoder's features from a quarter of the size on
REGULARISATION = 0.003  # C of scikit-learn: there are about a thousand features, and many labels are wrong
BATCH = 32
COLUMNS = ("rank", "id", "group", "split", "label", "probability_of_label", "margin", "suspected")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Suspects:
    """What was found.

    Attributes:
        table: a row an image, the most suspect first; columns ``COLUMNS``.
        suspected: how many labels confident learning takes for wrong.
        folder: with suspects.csv and suspects.png.
    """

    table: pd.DataFrame
    suspected: int
    folder: Path

    def __str__(self) -> str:
        share = self.suspected / len(self.table)
        return (
            f"{self.suspected} of {len(self.table)} labels ({share:.1%}) are probably wrong; look at "
            f"{self.folder / 'suspects.png'}, the whole list is {self.folder / 'suspects.csv'}"
        )


def write(name: str, folds: int = 4, top: int = 50) -> Suspects:
    """Judge the labels of training and validation split, and write ``reports/labels-NAME``.

    Args:
        name: an entry of ``datasets`` whose kind is classification, and which is prepared.
        folds: into how many parts the groups are dealt; each is judged by the others.
        top: crops on the contact sheet.

    Raises:
        BrightfieldError: for another kind, fewer groups than folds, or a class that is not in every fold's training.
    """
    settings = params.load()
    dataset = params.entry(settings.datasets, name, "dataset")
    if dataset.kind != "classification":
        raise BrightfieldError(
            f"Dataset {name!r} is of kind {dataset.kind}: only labels of classification can be judged."
        )
    task = tasks.build(dataset.kind, settings.tasks[dataset.task].settings)
    sets = [ImageSet.prepared(layout.prepared(name), split) for split in SPLITS]
    index = pd.concat([each.index for each in sets], ignore_index=True)
    described = describe(
        task, (record for each in sets for record in progress.track(each, f"labels {name}", unit="image"))
    )
    labels = index["label"].to_numpy(dtype=np.int64)
    judged = label_errors.judge(labels, out_of_fold(described, labels, index["group"].to_numpy(dtype=str), folds))
    table = ranked(index, judged, task.class_names)
    with whole_folder(layout.report(f"labels-{name}")) as folder:
        table.to_csv(folder / "suspects.csv", index=False, float_format="%.6g", lineterminator="\n")
        first = judged.order[:top]
        crops = [(sets[0][i] if i < len(sets[0]) else sets[1][i - len(sets[0])]).image for i in first]
        told = [
            (f"{row['rank']}  {row['label']}: {row['probability_of_label']:.3f}", str(row["id"]))
            for row in table.head(top).to_dict("records")
        ]
        images.write_png(folder / "suspects.png", sheets.contact_sheet(crops, told))
    return Suspects(table, int(judged.suspected.sum()), layout.report(f"labels-{name}"))


def describe(task: Task[Any, Any], records: Iterable[Record]) -> FloatArray:
    """(N, F) features of crops: the baseline's, and the encoder's maps pooled to mean and standard deviation."""
    import torch
    from torch.nn import functional as F

    network = params.Smp(architecture="smp", encoder=smp.SHIPPED_ENCODER, weights=pretrained.SHIPPED)
    encoder: Any = smp.build(network, Shape(task.shape().inputs, 1)).encoder
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
            batch.append(task.encode(record.image).tensor)
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
    """(N, 2) probabilities from a model that saw no image of the same group.

    Raises:
        BrightfieldError: fewer groups than folds, or a fold without one of the classes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = len(np.unique(groups))
    if not 2 <= folds <= found:
        raise BrightfieldError(f"--folds must be 2 to the number of groups, {found}, got {folds}.")
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


def ranked(index: pd.DataFrame, judged: label_errors.Judgement, classes: list[str]) -> pd.DataFrame:
    """``COLUMNS``, the most suspect first; labels by name."""
    table = index[["id", "group", "split"]].assign(
        label=[classes[label] for label in index["label"].astype(int)],
        probability_of_label=judged.confidence,
        margin=judged.margin,
        suspected=judged.suspected.astype(int),
    )
    table = table.iloc[judged.order].reset_index(drop=True)
    return table.assign(rank=table.index + 1)[list(COLUMNS)]
