"""Model cards: what a model is for, what it learnt from, how good it is and where it fails, as a page of Markdown.

The sections are those of Mitchell et al. (2019, Model cards for model reporting, FAT* 2019) that a lab can act on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brightfield import layout, params, tasks
from brightfield.data.splitting import GATE
from brightfield.data.store import read_index
from brightfield.evaluation.guarantees import GROUPS, SECTION, fewest
from brightfield.evaluation.scoring import TEST, TRAIN, VALIDATION
from brightfield.inference import bundle
from brightfield.metrics.declarations import declared
from brightfield.system.lineage import Lineage

LONGEST = 4900  # characters of a description that every store of MLflow takes
SIMULATED = "simulated"
MEGABYTE = 1e6
MOST_METRICS = 8  # of test, the objective first
MOST_KINDS = 4  # the worst
USES = {
    TRAIN: "learnt from",
    VALIDATION: "chose the epoch and the threshold",
    TEST: "for the scores alone",
    GATE: "sealed: for the gate alone",
}


def text(settings: params.Params, name: str, folder: Path) -> str:
    """The card of a model or an ensemble that was evaluated.

    Args:
        settings: with the task of the model, for its dataset.
        name: its entry of params.yaml, for its report.
        folder: its bundle.

    Raises:
        BrightfieldError: the folder has no bundle.
    """
    described = bundle.describe(folder)
    report = layout.report(name)
    metrics = json.loads((report / layout.METRICS).read_text(encoding="utf-8"))
    lines = [
        *_purpose(settings, described),
        *_origin(described),
        *_data(described),
        *_scores(described["kind"], metrics),
        *_guarantees(described["kind"], metrics),
        *_failures(described["kind"], metrics),
        *_use(described),
    ]
    written = "\n".join(lines)
    return written if len(written) <= LONGEST else f"{written[: LONGEST - 4]} ..."


def _purpose(settings: params.Params, described: Mapping[str, Any]) -> Iterator[str]:
    name, task = described["name"], described["task"]
    asked = params.parse_settings(described["kind"], described["settings"], name)
    classes = ", ".join(asked.class_names)
    yield f"# {name}"
    yield ""
    yield f"{tasks.KINDS[described['kind']].question}{f' ({classes})' if classes else ''} A model of task `{task}`."
    if settings.tasks[task].dataset != _dataset(described).get("name"):
        yield ""
        yield f"It was trained on another dataset than the task's, `{settings.tasks[task].dataset}`, and cannot become champion."


def _origin(described: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## What it is", "")
    if "members" in described:
        yield f"- an ensemble, combined by {described['provenance'].get('method', 'mean')}: {_shares(described['members'])}"
    else:
        if ingredients := described["provenance"].get("ingredients"):
            yield f"- a soup: one network with the mean of the weights of {', '.join(ingredients)}"
        yield from _network(described["model"])
    lineage = Lineage.from_dict(described["provenance"].get("lineage", {}))
    changed = ", with uncommitted changes" if lineage.dirty else ""
    yield f"- code: commit {lineage.commit[:12] if lineage.commit else 'unknown'}{changed}"
    packages = ", ".join(
        f"{package} {lineage.packages[package]}" for package in ("torch",) if package in lineage.packages
    )
    yield f"- made with Python {lineage.python}{f', {packages}' if packages else ''} on {lineage.device}"


def _shares(members: Sequence[Mapping[str, Any]]) -> str:
    views = (f" with {member['views']} views" if "views" in member else "" for member in members)
    return ", ".join(
        f"{member['name']}{turned} {member['weight']:.0%}" for member, turned in zip(members, views, strict=True)
    )


def _network(model: Mapping[str, Any]) -> Iterator[str]:
    network, training = model["network"], model.get("training")
    values = ", ".join(
        f"{key} {value}" for key, value in network.items() if key != "architecture" and value not in (None, [])
    )
    yield f"- architecture: {network['architecture']}{f' ({values})' if values else ''}"
    if training is None:
        yield "- a classical baseline: fitted, not trained by gradients"
        return
    begun = f", beginning with {training['init_from']}" if training.get("init_from") else ""
    yield f"- trained for {training['epochs']} epochs in batches of {training['batch_size']}{begun}, seed {model.get('seed', 0)}"
    if training.get("distil_from"):
        yield f"- learnt the answers of version {training['distil_from']} beside the truth, with a weight of {training['distil']:g}"
    if training.get("augment"):
        yield f"- augmented by {', '.join(training['augment'])}"


def _data(described: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## What it learnt from", "")
    data = _dataset(described)
    name = data.get("name")
    if not name:
        yield "- a dataset of which nothing is known"
        return
    yield f"- dataset `{name}`, version {data.get('hash') or 'unknown'}"
    if layout.prepared(name).is_dir():
        index = read_index(layout.prepared(name))
        parts = index.groupby("split", sort=False).agg(images=("id", "size"), groups=("group", "nunique"))
        for split, row in parts.iterrows():
            what = "" if split in USES else "suite "
            yield f"- {what}{split}: {row['images']:,} images of {row['groups']:,} groups, {USES.get(str(split), USES[TEST])}"
    about = layout.raw(name) / layout.ABOUT
    if about.is_file():
        content = json.loads(about.read_text(encoding="utf-8"))
        licence = content.get("licence") or ("none is needed" if content.get("origin") == SIMULATED else "not given")
        yield f"- origin: {content.get('origin', 'unknown')}; licence of the images: {licence}"


def _scores(kind: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    objective = tasks.KINDS[kind].objective_of(metrics[TEST]).metric
    yield from ("", "## How good it is", "", "On the test split, with intervals over groups:", "")
    shown = [objective, *(name for name in metrics[TEST] if name != objective and declared(name).direction)]
    yield from (f"- {_said(name, metrics[TEST][name])}" for name in shown[:MOST_METRICS])
    ceiling = metrics.get("ceiling", {}).get(TEST, {}).get(objective)
    if ceiling:
        yield f"- the best that any model could reach: {_said(objective, ceiling)}"
    if metrics.get("suites"):
        yield from ("", f"Where one thing is unlike training ({declared(objective).label}):", "")
        yield from (f"- {suite}: {_said(objective, found[objective])}" for suite, found in metrics["suites"].items())


def _guarantees(kind: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    """What is promised of each answer, and how often that was true on test and the suites."""
    found = metrics.get(SECTION)
    declared = tasks.KINDS[kind].scoring_class.guarantees
    if not found or not declared:
        return
    yield from ("", "## What it guarantees", "")
    for name, limit in found["limits"].items():
        wanted = declared[name].said(found["coverage"])
        if limit["value"] is None:
            least = fewest(found["coverage"])
            yield f"- nothing of this: {wanted}; validation has {limit['objects']} {declared[name].objects}, {least} are needed"
            continue
        of = {part: each[name] for part, each in found["measured"].items() if name in each}
        measured = ", ".join(f"{part} {_covered(each)}" for part, each in of.items())
        size = declared[name].size.said(of[TEST]["size"]["value"]) if TEST in of else ""
        yield f"- {wanted}, {_of_which(limit, found['coverage'])}. Measured: {measured}; {size} on test"
    yield from ("", "It does not hold for images unlike those, which `brightfield predict` marks as outside.")


def _of_which(limit: Mapping[str, Any], coverage: float) -> str:
    """For which images a promise is made."""
    if limit["over"] == GROUPS:
        return f"in new groups like the {limit['groups']} of validation"
    least = fewest(coverage)
    return f"in the {limit['groups']} groups of validation (to promise it of new groups, {least} are needed)"


def _covered(found: Mapping[str, Any]) -> str:
    low, high, value = (found["coverage"][key] for key in ("low", "high", "value"))
    if value is None:
        return "unknown"
    return f"{value:.0%}" if low is None else f"{value:.0%} ({low:.0%} to {high:.0%})"


def _failures(kind: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    """The suite that costs most, and the kinds of images that are answered worst."""
    objective = tasks.KINDS[kind].objective_of(metrics[TEST])
    suites = {name: found[objective.metric]["value"] for name, found in metrics.get("suites", {}).items()}
    known = {name: value for name, value in suites.items() if value is not None}
    lines = []
    if known:
        worst = min(known, key=lambda name: objective.rank(known[name]))
        lines.append(f"- worst where {worst} is unlike training: {declared(objective.metric).said(known[worst])}")
    kinds = metrics.get("kinds", {})
    if kinds:
        metric = next(name for name in next(iter(kinds.values())) if declared(name).direction)
        ranked = sorted(
            (
                (found[metric]["value"], name, found["images"])
                for name, found in kinds.items()
                if found[metric]["value"] is not None
            ),
            reverse=declared(metric).direction == "minimize",
        )
        for value, name, images in ranked[:MOST_KINDS]:
            lines.append(f"- {name} ({images} test images): {declared(metric).said(value)}")
    if lines:
        yield from ("", "## Where it fails", "", *lines)


def _use(described: Mapping[str, Any]) -> Iterator[str]:
    asked, task = described["settings"], described["task"]
    yield from ("", "## How to use it", "")
    yield f"- images: 8 or 16 bits or float, any height and width, {asked['pixel_size_um']:g} um a pixel"
    yield f"- `brightfield predict {task} images/ --out answers` marks doubtful answers"
    yield "- not for diagnosis: it was tested on the data above and on nothing else"


def _dataset(described: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = described["provenance"].get("dataset", {})
    return found


def _said(metric: str, found: Mapping[str, float | None]) -> str:
    return declared(metric).said(found["value"], found.get("low"), found.get("high"))
