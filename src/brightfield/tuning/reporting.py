"""What a study leaves in the folder of reports: numbers, figures, and one page that shows both without a network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from brightfield import layout
from brightfield.system.files import atomic_folder, write_json
from brightfield.tuning import pictures, racing, studies, summary, trial_tables
from brightfield.tuning.figures import FIGURES, Figures
from brightfield.tuning.session import Session
from brightfield.tuning.summary import Summary

if TYPE_CHECKING:
    import optuna
    import plotly.graph_objects as go

REPORTED = "tuning"  # folder of the report among the artifacts of a run
STYLE = """
body { font-family: system-ui, sans-serif; color: #1f2933; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; line-height: 1.5 }
h1 { font-size: 1.7rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 0 } .muted { color: #7b8794 }
.verdict { font-size: 1.1rem; border-left: 4px solid #3a9a6c; padding-left: 1rem } .verdict.open { border-color: #b9bec6 }
dl { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 1.4rem 0 } dt { color: #7b8794; font-size: .85rem } dd { margin: 0 }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .85rem; margin-top: .6rem }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid #e8ebef; white-space: nowrap }
"""


def write(session: Session) -> None:
    """Write the report of a session's study, and log it to the study's run in MLflow."""
    study = session.study
    folder = layout.study_report(session.request.model)
    write_report(folder, study, session.objective.metric, studies.confirmation(session.place, study))
    session.mirror(study).parent.log_artifacts(folder, REPORTED)


def write_report(folder: Path, study: optuna.Study, metric: str, confirmation: optuna.Study | None = None) -> None:
    """Write ``study.json``, a file of plotly for each figure that can be drawn, and ``study.html``.

    Args:
        folder: to be filled; an earlier report in it is replaced.
        study: the search.
        metric: name of its objective.
        confirmation: the study that trains its best again, if there is one.
    """
    found = summary.of(study, metric, confirmation)
    splits = pd.DataFrame() if confirmation is None else racing.scores(confirmation)
    table = trial_tables.table(study)
    drawn = Figures(study, metric, confirmation).all()
    with atomic_folder(folder) as partial:
        write_json(partial / layout.STUDY, content(found, table, splits))
        for name, figure in drawn.items():
            (partial / layout.study_figure(name)).write_text(figure.to_json(), encoding="utf-8")
        (partial / layout.STUDY_PAGE).write_text(page(found, table, drawn), encoding="utf-8")


def content(found: Summary, table: pd.DataFrame, splits: pd.DataFrame) -> dict[str, Any]:
    """What ``study.json`` holds: plain values.

    Args:
        found: the summary of the study.
        table: its trials, see :func:`brightfield.tuning.trial_tables.table`.
        splits: what training again found, see :func:`brightfield.tuning.racing.scores`.
    """
    known = found.as_dict()
    own = trial_tables.parameters(table)
    trials = []
    for row in table.to_dict("records"):
        plain = {str(key): _plain(value) for key, value in row.items()}
        drawn = {name: plain.pop(name) for name in own}
        trials.append({**plain, "drawn": {name: value for name, value in drawn.items() if value is not None}})
    compared = [vars(row) for row in pictures.comparisons(found.result, splits)]
    counts = {"counts": known.pop("trials")}
    known["changes"] = {name: list(pair) for name, pair in found.changes.items()}
    return {**known, **counts, "sentences": summary.sentences(found), "compared": compared, "trials": trials}


def _plain(value: Any) -> Any:
    """A cell of a table as JSON has it: nothing that is missing, times in ISO 8601."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.item() if hasattr(value, "item") else value


def page(found: Summary, table: pd.DataFrame, drawn: Mapping[str, go.Figure]) -> str:
    """A page with verdict, numbers, figures and trials, which loads nothing.

    Args:
        found: the summary of the study.
        table: its trials.
        drawn: figures by name.
    """
    from plotly.offline import get_plotlyjs

    title = html.escape(f"Tuning of {found.model}")
    lines = [html.escape(line) for line in summary.sentences(found)]
    state = "verdict" if found.verdict == "better" else "verdict open"
    numbers = "".join(
        f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd></div>" for k, v in summary.counted(found)
    )
    parts = [_figure(name, figure) for name, figure in drawn.items()]
    stopped = f"<p>Stopped: {html.escape(found.stopped)}.</p>" if found.stopped else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head>\n<body><h1>{title}</h1>"
        f'<p class="muted">{html.escape(found.study)}</p>'
        f'<p class="{state}">{"<br>".join(lines)}</p><dl>{numbers}</dl>{stopped}{_changes(found)}{"".join(parts)}'
        f'<h2>All trials</h2><div class="wide">{_table(table)}</div></body></html>\n'
    )


def _changes(found: Summary) -> str:
    if not found.changes:
        return ""
    cells = [(name, *map(_cell, pair)) for name, pair in found.changes.items()]
    rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
    head = f"<tr><th>parameter</th><th>{pictures.AS_IT_IS}</th><th>the best setting</th></tr>"
    return f'<h2>What the best setting changes</h2><div class="wide"><table>{head}{rows}</table></div>'


def _figure(name: str, figure: go.Figure) -> str:
    about = FIGURES[name]
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"displaylogo": False, "responsive": True}, div_id=name
    )
    return f'\n<h2>{html.escape(about.title)}</h2><p class="muted">{html.escape(about.caption)}</p>{drawn}'


def _table(table: pd.DataFrame) -> str:
    used = [name for name in table if name not in ("ended",) and table[name].notna().any()]
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in used)
    rows = []
    for row in table[used].to_dict("records"):
        rows.append("<tr>" + "".join(f"<td>{html.escape(_cell(value))}</td>" for value in row.values()) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return f"{plain:.5g}" if isinstance(plain, float) else str(plain)
