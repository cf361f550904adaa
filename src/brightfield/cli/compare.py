"""``brightfield compare`` and ``leaderboard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightfield.cli.base import REGISTRY, TASK, app

if TYPE_CHECKING:
    from brightfield.evaluation.comparison import Compared

SUITE = Annotated[
    str | None,
    typer.Option("--suite", metavar="SUITE", help="On a shift suite (focus, light ...) instead of the test split."),
]


@app.command(rich_help_panel=REGISTRY)
def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...",
            help="Models or ensembles of params.yaml, or versions of the registry: rbc@champion, rbc@previous, rbc@3.",
        ),
    ],
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="TITLE=COMMAND",
            help="Also compare with another program, which answers the same images: see below. Several times for several.",
        ),
    ] = None,
    suite: SUITE = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write all numbers as a table: a CSV file.")
    ] = None,
) -> None:
    """Whether a model is better than another by more than chance, in every metric, on each suite and on each kind of images.

    The difference is that of B (and C ...) from A on the same images. Its interval comes from resampling whole groups (smears,
    movies, fields), as does the chance that B is better. p says how often chance alone would make a difference as large: by
    DeLong's test for the AUC, McNemar's for the accuracy where images are independent, and otherwise by exchanging the answers of
    whole groups. A star marks p below 0.05. Decide by the metric of the last line, the task's objective: its p is corrected for the
    number of models (Holm), those of the other metrics, suites and kinds for the number of their lines as well.

    Nothing is answered again: reports and runs hold the score of every image. A program of --with is run on the images of test and
    suites: {images} in its command is a folder of TIFF files, {answers} an empty folder for what it writes. Of bacteria it writes a
    label image for each (NAME.tif or NAME_labels.tif), of denoise a restored one, of beads a CSV file with columns image, x and y,
    of rbc one with image and probability (of the second class). It may have an environment of its own:
    --with "peer=/opt/peer/bin/python segment.py {images} {answers}". For programs with an adapter their name is enough, --with
    trackpy, or the Python that has them, with options: --with "trackpy=/opt/newer/bin/python --diameter 15".
    """
    import pandas as pd

    from brightfield import params
    from brightfield.errors import BrightfieldError
    from brightfield.evaluation import comparison, comparison_text, reports
    from brightfield.evaluation import peers as outside
    from brightfield.evaluation.scoring import TEST
    from brightfield.system.files import atomic_file

    settings = params.load()
    split = TEST if suite is None else suite
    place = None if out is None else table_to_write(out)
    if len(set(names)) < len(names):
        raise BrightfieldError(f"A model is compared with another one, got {' and '.join(names)}.")
    models = [reports.read(name, settings) for name in names]
    for model in models:
        model.of(split)
    named = [outside.named(text) for text in peers or ()]
    if taken := {title for title, _ in named} & {*names, *settings.models, *settings.ensembles}:
        raise BrightfieldError(f"{min(taken)} is the name of a model: give the program of --with another title.")
    models += [outside.scored(title, command, models[0].task, settings) for title, command in named]
    on_split = comparison.compare(models, split, settings)
    on_suites = [] if suite else comparison.compare_suites(models, settings)
    by_kind = comparison.compare_kinds(models, split, settings)
    confidence = settings.evaluation.confidence
    for of_pair in comparison_text.pairs(on_split):
        a, b = of_pair[0].a, of_pair[0].b
        print(f"\n{models[0].task}, {split}: {b} against {a}\n")
        print(comparison_text.of_pair(of_pair))
        _few(of_pair[1:])
        for found, what in ((on_suites, "suite"), (by_kind, "kind")):
            shown = [each for each in found if (each.a, each.b) == (a, b)]
            for part in comparison_text.by_metric(shown):
                print(f"\n{comparison_text.of_parts(part, what)}")
            _few(shown)
        print(f"\n{comparison_text.verdict(of_pair[0], confidence)}")
    if place is not None:
        parts = ((on_split, "split"), (on_suites, "suite"), (by_kind, "kind"))
        tables = [comparison_text.table(found, what, split) for found, what in parts if found]
        with atomic_file(place) as file:
            pd.concat(tables).to_csv(file, index=False, lineterminator="\n")
        print(f"\nAll numbers are in {place}.")


def table_to_write(path: Path) -> Path:
    """A CSV file that can be written; its folder is made.

    Raises:
        BrightfieldError: it has another ending, or there is no such place.
    """
    from brightfield.errors import BrightfieldError

    if path.suffix.lower() != ".csv" or path.is_dir():
        raise BrightfieldError(f"--out is a CSV file, such as numbers.csv, got {str(path)!r}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("a", encoding="utf-8").close()
        if is_new:  # what fails later leaves no empty table
            path.unlink()
    except OSError as error:
        raise BrightfieldError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def _few(found: Sequence[Compared]) -> None:
    """Say where groups are too few for a star."""
    from brightfield.evaluation import comparison_text

    said = comparison_text.least_p(found)
    if said is not None:
        print(said)


@app.command(rich_help_panel=REGISTRY)
def leaderboard(task: TASK, suite: SUITE = None) -> None:
    """All models and ensembles of a task on the same images, the best first, and which of them may be as good.

    The best is found on the same images, so p is corrected for all pairs of models (Holm): of equal models, one is called worse at
    most once in twenty leaderboards. See `brightfield compare` for the tests.
    """
    from brightfield import params
    from brightfield.evaluation import comparison, comparison_text, reports
    from brightfield.evaluation.scoring import TEST

    settings = params.load()
    split = TEST if suite is None else suite
    roles = comparison.roles_of_task(task, settings)
    found = comparison.leaderboard([reports.read(name, settings) for name in roles], split, settings)
    print(f"{task}, {split}\n")
    print(comparison_text.of_task(found, roles))
    _few(found)
