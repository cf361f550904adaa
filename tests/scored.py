"""Reports of made-up models: answers to the same crops or frames, each with a skill of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from brightfield import layout


def crops(
    skills: Mapping[str, float], seed: int = 0, groups: int = 20, each: int = 12, overconfident: float = 1.0
) -> pd.DataFrame:
    """An ``images.csv``. The truth and the kinds of the crops are the same for all seeds; the errors are those of the seed.

    Args:
        skills: of each split: by so many standard deviations of its noise a logit is on the right side.
        seed: of the answers.
        groups: number of smears.
        each: number of crops of a smear.
        overconfident: what logits are multiplied with.
    """
    parts = []
    for split, skill in skills.items():
        known, own = np.random.default_rng(len(split)), np.random.default_rng([seed, len(split)])
        truth = (known.random(groups * each) < 0.4).astype(float)
        logit = skill * (2 * truth - 1) + own.normal(0, 1, len(truth))
        parts.append(
            pd.DataFrame(
                {
                    "id": [f"{split}{i}" for i in range(len(truth))],
                    "group": [f"smear{i // each:02d}" for i in range(len(truth))],
                    "split": split,
                    "kind": np.where(known.random(len(truth)) < 0.5, "burr", "normal"),
                    "probability": 1 / (1 + np.exp(-overconfident * logit)),
                    "answered": (logit > 0).astype(float),
                    "truth": truth,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def frames(error: float, seed: int) -> pd.DataFrame:
    """An ``images.csv`` of 12 movies of two frames with a bead each, found so far off on average, in px."""
    errors = error * np.random.default_rng(seed).uniform(0.5, 1.5, 24)
    counts = {name: np.ones(24) for name in ("n_true", "n_found", "matched")}
    names = {"id": [f"frame{i}" for i in range(24)], "group": [f"movie{i // 2}" for i in range(24)], "split": "test"}
    return pd.DataFrame({**names, **counts, "sum_squared_error_px2": errors**2, "sum_capped_error_px": errors})


def write_report(name: str, table: pd.DataFrame, data_hash: str | None = "abc.dir") -> None:
    """The report of a model, as far as comparisons read it."""
    layout.report(name).mkdir(parents=True, exist_ok=True)
    table.to_csv(layout.report(name) / layout.IMAGE_SCORES, index=False)
    (layout.report(name) / layout.METRICS).write_text(json.dumps({"test": {}, "data_hash": data_hash}))
