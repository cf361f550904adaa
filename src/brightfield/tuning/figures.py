"""The figures of a study: Optuna's own, made calm, and two that Optuna does not draw."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna import visualization
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from brightfield.metrics.declarations import Direction, declared
from brightfield.tuning import pictures, racing, studies, trial_tables
from brightfield.tuning.pictures import AS_IT_IS, BLUE, GOOD, GREY, INK, MUTED, SAID, STATES, calm

MOST_PAIRED = (
    3  # parameters of which each pair is drawn: a figure of a pair of 500 trials weighs a quarter of a megabyte
)
MOST_AXES = 8  # of parallel coordinates
MOST_BARS = 10  # importances
BAR_PX = 30
PER_ROW = 3  # slices
FINEST = 80  # points a side of a contour: Optuna's grid has one for each trial
PALEST = 0.35  # opacity of the many


@dataclass(frozen=True)
class About:
    """What a figure is called, and what it shows.

    Attributes:
        title: a few words.
        caption: a sentence or two.
    """

    title: str
    caption: str


FIGURES: Mapping[str, About] = {
    "best": About(
        "Best against the entry as it is",
        "The search on its one split; then both trained again, with other seeds on other splits; then the test split. Bars are "
        "intervals: of all splits they hold for all settings together.",
    ),
    "front": About(
        "Quality and time",
        "Settings that no other beats in both the objective and the time of an answer are the front.",
    ),
    "history": About("History", "The objective of each trial, and the best of those that are complete."),
    "importances": About(
        "Importance of parameters",
        "Share of each parameter in reaching the best tenth of the trials (PED-ANOVA). It is rough below about 50 complete trials.",
    ),
    "slices": About(
        "Slices", "The objective against each parameter. A ring marks the best trial; late trials are dark."
    ),
    "contour": About(
        "Contour", "The objective over pairs of the most important parameters, between trials interpolated."
    ),
    "parallel": About("Parallel coordinates", "A line a complete trial, over its parameters; dark lines are good."),
    "rank": About(
        "Rank",
        "Complete trials over pairs of the most important parameters, by the rank of their objective: blue is small, red is large.",
    ),
    "epochs": About("Epochs", "The objective after each epoch. Grey trials were given up."),
    "workers": About(
        "Timeline of workers", "What was tried when. Trials that overlap in time were run by different workers."
    ),
    "timeline": About("Timeline of trials", "When each trial began and ended."),
}


def _of_first_aim(study: optuna.Study, direction: Direction) -> optuna.Study:
    """The same trials with the objective as their only aim: Optuna chooses colours by the direction only where there is one aim."""
    found = optuna.create_study(direction=direction)
    for trial in study.get_trials():
        if trial.values:
            trial.values = trial.values[:1]
        found.add_trial(trial)
    return found


class Figures:
    """The figures of one study.

    Args:
        study: the search.
        metric: name of its objective.
        confirmation: the study that trains its best again, if there is one.
    """

    def __init__(self, study: optuna.Study, metric: str, confirmation: optuna.Study | None = None) -> None:
        self.study, self.metric, self.confirmation = study, metric, confirmation
        self.label = str(declared(metric))
        self.direction: Direction = "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize"
        self.trials = study.get_trials(deepcopy=False)
        self.complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        self.best = next(iter(studies.best(study)), None)
        self._single = _of_first_aim(study, self.direction) if len(study.directions) > 1 else study

    def all(self) -> dict[str, go.Figure]:
        """All that can be drawn, by name, in the order of :data:`FIGURES`."""
        drawn = {name: self.draw(name) for name in FIGURES}
        return {name: figure for name, figure in drawn.items() if figure is not None}

    def draw(self, name: str) -> go.Figure | None:
        """One figure; None while there are too few trials for it.

        Args:
            name: a key of :data:`FIGURES`.
        """
        draw: Callable[[], go.Figure | None] = getattr(self, f"_{name}")
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what Optuna says of functions that it calls experimental, and of few trials
            try:
                figure = draw()
            except (
                ValueError,
                RuntimeError,
                ZeroDivisionError,
            ):  # trials that are all equal, or have nothing in common
                return None
        return figure if figure is not None and len(figure.data) else None

    @cached_property
    def importances(self) -> Mapping[str, float]:
        """See :func:`brightfield.tuning.trial_tables.importances`."""
        return trial_tables.importances(self.study)

    @cached_property
    def parameters(self) -> Sequence[str]:
        """All that complete trials drew and that varies, the most important first; then those that only some trials have."""
        drawn: dict[str, set[Any]] = {}
        for trial in self.complete:
            for name, value in trial.params.items():
                drawn.setdefault(name, set()).add(value)
        able = [name for name, values in drawn.items() if len(values) > 1]
        return sorted(able, key=lambda name: -self.importances.get(name, -1.0))

    # --- our own --------------------------------------------------------------------------------------------------

    def _best(self) -> go.Figure | None:
        result = self.study.user_attrs.get(studies.RESULT, {})
        if self.confirmation is None or not result:
            return None
        rows = pictures.comparisons(result, racing.scores(self.confirmation))
        return pictures.best_against_standard(rows, self.metric, self.direction) if rows else None

    def _workers(self) -> go.Figure | None:
        table = trial_tables.table(self.study)
        if table["started"].isna().all():
            return None
        # a trial whose worker was killed seems to run for ever: it is drawn no longer than the longest took
        latest = max(moment for moment in (*table["started"], *table["ended"]) if not pd.isna(moment))
        longest = table["duration_s"].astype(float).max()
        now = datetime.now(UTC)
        until = now if math.isnan(longest) else min(now, latest + timedelta(seconds=longest))
        return pictures.timeline_of_workers(trial_tables.workers(table, until))

    # --- Optuna's -------------------------------------------------------------------------------------------------

    def _history(self) -> go.Figure | None:
        if not self.complete:
            return None
        figure = visualization.plot_optimization_history(self._single, target_name=self.label)
        names = {self.label: "complete", "Best Value": "best so far", "Infeasible Trial": "breaks a bound"}
        figure.for_each_trace(lambda trace: trace.update(name=names.get(trace.name, trace.name)))
        figure.update_traces(marker={"color": BLUE, "size": 8}, selector={"name": "complete"})
        figure.update_traces(marker={"color": GREY, "size": 8}, selector={"name": "breaks a bound"})
        best = {"color": GOOD, "width": 2, "shape": "hv"}
        figure.update_traces(line=best, selector={"name": "best so far"})
        figure.for_each_trace(lambda trace: trace.update(showlegend=len(trace.x) > 0))
        self._add_pruned(figure)
        standard = self._standard()
        if standard is not None:
            line = {"color": MUTED, "width": 1.2, "dash": "dot"}
            numbers = [self.trials[0].number, self.trials[-1].number]
            figure.add_scatter(x=numbers, y=[standard] * 2, name=AS_IT_IS, mode="lines", line=line, hoverinfo="skip")
        calm(figure, 340, t=32)
        figure.update_xaxes(title={"text": "trial", "font": {"color": MUTED}}, tickformat="d")
        figure.update_yaxes(title={"text": self.label, "font": {"color": MUTED}})
        figure.update_traces(hovertemplate="trial %{x}: %{y:.4g}<extra></extra>", selector={"mode": "markers"})
        return figure

    def _add_pruned(self, figure: go.Figure) -> None:
        """Those that were given up, at the value of their last epoch, as far as it is among those of the others."""
        values = [trial_tables.last_value(trial) for trial in self.complete]
        low, high = min(v for v in values if v is not None), max(v for v in values if v is not None)
        given_up = [
            (trial.number, value)
            for trial in self.trials
            if trial.state is TrialState.PRUNED and (value := trial_tables.last_value(trial)) is not None
        ]
        within = [(number, value) for number, value in given_up if 2 * low - high <= value <= 2 * high - low]
        if within:
            figure.add_scatter(
                x=[number for number, _ in within],
                y=[value for _, value in within],
                name="given up",
                mode="markers",
                marker={"color": GREY, "symbol": "x-thin", "size": 8, "line": {"width": 2, "color": GREY}},
            )

    def _standard(self) -> float | None:
        first = next((trial for trial in self.complete if trial.user_attrs.get(studies.AS_IT_IS)), None)
        return None if first is None else trial_tables.last_value(first)

    def _importances(self) -> go.Figure | None:
        names = list(self.importances)[:MOST_BARS]
        if not names:
            return None
        # Optuna's own figure would compute them anew, which takes most of its time
        shares = [self.importances[name] for name in names][::-1]
        figure = go.Figure(
            go.Bar(
                x=shares,
                y=names[::-1],
                orientation="h",
                marker_color=[GOOD if share == max(shares) else "#b9d8c9" for share in shares],
                text=[f"{share:.0%}" for share in shares],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{y}: %{x:.3f}<extra></extra>",
            )
        )
        calm(figure, 44 + BAR_PX * len(names), r=44)
        figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=5)
        figure.update_yaxes(showgrid=False)
        return figure

    def _front(self) -> go.Figure | None:
        if len(self.study.directions) != 2 or not self.complete:
            return None
        figure = visualization.plot_pareto_front(self.study, target_names=[self.label, "milliseconds"])
        looks = {"Infeasible Trial": ("breaks a bound", "#d9dce1", 7), "Best Trial": ("the front", GOOD, 11)}
        for trace in figure.data:  # Optuna names its traces only where the mouse is
            what = trace.hovertemplate.partition("<extra>")[2].removesuffix("</extra>")
            name, colour, size = looks.get(what, ("beaten in both", BLUE, 8))
            trace.update(name=name, showlegend=len(trace.x) > 0, marker={"color": colour, "size": size})
            trace.marker.update(showscale=False, line={"width": 0})
        first = next((trial for trial in self.complete if trial.user_attrs.get(studies.AS_IT_IS)), None)
        if first is not None:
            ring = {"color": INK, "size": 16, "symbol": "circle-open", "line": {"width": 2}}
            place = {"x": [first.values[0]], "y": [first.values[1]]}
            figure.add_scatter(**place, name=AS_IT_IS, mode="markers", marker=ring, hoverinfo="skip")
        return _titled(calm(figure, 420, t=32), ())

    def _slices(self) -> go.Figure | None:
        if len(self.complete) < 2 or not self.parameters:
            return None
        names = list(self.parameters)
        figure = visualization.plot_slice(self._single, names, target_name=self.label)
        order = sorted(names)  # as Optuna has them
        figure.update_traces(marker={"size": 8, "line": {"width": 0.5, "color": GREY}})
        bar = {"title": {"text": "trial", "font": {"color": MUTED}}, "thickness": 10, "x": 1.01, "xpad": 0}
        figure.update_traces(marker_colorbar=bar, selector={"showlegend": False})
        for i, name in enumerate(order):
            self._plain_names(figure, name, i)
            if self.best is not None and name in self.best.params:
                value = self.best.params[name]
                figure.add_scatter(
                    x=[str(value) if self._chosen(name) else value],
                    y=[trial_tables.last_value(self.best)],
                    xaxis=f"x{_end(i)}",
                    yaxis=f"y{_end(i)}",
                    mode="markers",
                    marker={"color": GOOD, "size": 15, "symbol": "circle-open", "line": {"width": 3, "color": GOOD}},
                    hoverinfo="skip",
                    showlegend=False,
                )
        calm(figure, 280 * -(-len(order) // PER_ROW) + 20, t=12)
        _wrap(figure, [names.index(name) for name in order])
        return _titled(figure, names)

    def _chosen(self, name: str) -> Sequence[Any]:
        """What a parameter is chosen from; nothing for a range."""
        kinds = (trial.distributions[name] for trial in self.complete if name in trial.distributions)
        found = next(kinds)
        return list(found.choices) if isinstance(found, CategoricalDistribution) else []

    def _plain_names(self, figure: go.Figure, name: str, panel: int) -> None:
        """Take away the quotes that Optuna's slices put around names."""
        plain = {repr(choice): str(choice) for choice in self._chosen(name)}
        if not plain:
            return
        axis = f"x{_end(panel)}"
        for trace in figure.select_traces({"xaxis": axis}):
            trace.x = [plain.get(value, value) for value in trace.x]
        figure.layout[f"xaxis{_end(panel)}"].update(categoryarray=list(plain.values()))

    def _contour(self) -> go.Figure | None:
        paired = self.parameters[:MOST_PAIRED]
        if len(paired) < 2 or len(self.complete) < 3:
            return None
        figure = visualization.plot_contour(self._single, list(paired), target_name=self.label)
        for trace in figure.data:
            if trace.type == "contour" and trace.z is not None:
                _thin(trace)
                trace.update(colorbar={"thickness": 10, "title": {"text": self.label, "side": "right"}})
        return self._of_pairs(figure, len(paired))

    def _rank(self) -> go.Figure | None:
        paired = self.parameters[:MOST_PAIRED]
        if len(paired) < 2 or len(self.complete) < 3:
            return None
        figure = visualization.plot_rank(self._single, list(paired), target_name=self.label)
        return self._of_pairs(figure, len(paired))

    def _of_pairs(self, figure: go.Figure, count: int) -> go.Figure:
        """Of Optuna's square of all pairs each pair once, side by side."""
        figure.update_traces(marker_size=7, selector={"mode": "markers"})
        calm(figure, 360, t=12)
        if count > 2:
            _row_of_pairs(figure, count)
        return _titled(figure, self.parameters)

    def _parallel(self) -> go.Figure | None:
        shown = list(self.parameters[:MOST_AXES])
        if len(self.complete) < 2 or len(shown) < 2:
            return None
        figure = visualization.plot_parallel_coordinate(self._single, shown, target_name=self.label)
        calm(figure, 440, l=60, r=24, t=24, b=64)
        names = short(self.parameters)
        axes = [text.removesuffix("...") for text in figure.layout.xaxis.ticktext]  # Optuna cuts long names short
        whole = [[name for name in shown if name.startswith(text)] for text in axes]
        ticks = [names[found[0]] if len(found) == 1 else text for found, text in zip(whole, axes, strict=True)]
        figure.update_xaxes(automargin=False, ticktext=ticks)
        return figure

    def _epochs(self) -> go.Figure | None:
        figure = visualization.plot_intermediate_values(self._single)
        lines = {f"Trial{trial.number}": trial for trial in self.trials if trial.intermediate_values}
        if not lines or max(len(trial.intermediate_values) for trial in lines.values()) < 2:
            return None
        groups: dict[str, list[tuple[Any, FrozenTrial]]] = {}
        for trace in figure.data:
            if trace.name in lines:
                groups.setdefault(self._group(lines[trace.name]), []).append((trace, lines[trace.name]))
        merged = go.Figure()
        for name, (colour, opacity, width) in {
            "pruned": (GREY, 0.7, 1.2),
            "complete": (BLUE, PALEST, 1.2),
            "running": (STATES["running"], 1.0, 1.6),
            AS_IT_IS: (INK, 1.0, 2.2),
            "the best": (GOOD, 1.0, 2.6),
        }.items():
            if name not in groups:
                continue
            # one trace for many lines, with gaps between: hundreds of traces make a browser slow
            merged.add_scatter(
                x=[x for trace, _ in groups[name] for x in (*trace.x, None)],
                y=[y for trace, _ in groups[name] for y in (*trace.y, None)],
                customdata=[trial.number for trace, trial in groups[name] for _ in (*trace.x, None)],
                name=SAID.get(name, name),
                mode="lines+markers" if name == "running" else "lines",
                opacity=opacity,
                line={"color": colour, "width": width},
                hovertemplate="trial %{customdata}, epoch %{x}: %{y:.4g}<extra></extra>",
            )
        calm(merged, 380, t=32)
        merged.update_xaxes(title={"text": "epoch", "font": {"color": MUTED}}, tickformat="d")
        merged.update_yaxes(title={"text": self.label, "font": {"color": MUTED}})
        return merged

    def _group(self, trial: FrozenTrial) -> str:
        if self.best is not None and trial.number == self.best.number:
            return "the best"
        return AS_IT_IS if trial.user_attrs.get(studies.AS_IT_IS) else trial_tables.state(trial)

    def _timeline(self) -> go.Figure | None:
        if not any(trial.datetime_start for trial in self.trials):
            return None
        figure = visualization.plot_timeline(self.study)
        colours = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
        for trace in figure.data:
            if trace.name in colours:
                state = colours[trace.name]
                trace.update(name=SAID.get(state, state), marker={"color": STATES[state]})
        height = min(900, 140 + 14 * len(self.trials))
        calm(figure, height, t=32)
        figure.update_xaxes(title={"text": "time", "font": {"color": MUTED}})
        figure.update_yaxes(title={"text": "trial", "font": {"color": MUTED}})
        return figure


def _end(panel: int) -> str:
    """Of the names of the axes of a panel."""
    return f"{panel + 1}" if panel else ""


def short(names: Sequence[str]) -> dict[str, str]:
    """The last part of each path, where it is no other one's: ``training.learning_rate`` is ``learning_rate``."""
    ends = [name.rpartition(".")[2] for name in names]
    return {name: end if ends.count(end) == 1 else name for name, end in zip(names, ends, strict=True)}


def _titled(figure: go.Figure, parameters: Sequence[str]) -> go.Figure:
    """Set the titles of all axes in the muted colour, those of parameters short."""
    names = short(parameters)
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.title.update(text=names.get(axis.title.text, axis.title.text), font={"color": MUTED})
    return figure


def _row_of_pairs(figure: go.Figure, count: int) -> None:
    """Keep what is below the diagonal of a square of panels, as a row.

    Args:
        figure: whose panels stand row by row; the titles of their axes stand at the left and below.
        count: of panels a side.
    """
    across = [figure.layout[f"xaxis{_end(count * (count - 1) + i)}"].title.text for i in range(count)]
    down = [figure.layout[f"yaxis{_end(count * i)}"].title.text for i in range(count)]
    kept = [(row, column) for row in range(count) for column in range(row)]
    ends = [_end(row * count + column) for row, column in kept]
    # of a rank: it has the bar of colours alone
    for trace in figure.select_traces({"type": "scatter", "hoverinfo": "none"}):
        trace.update(xaxis=f"x{ends[0]}", yaxis=f"y{ends[0]}")
    figure.data = [trace for trace in figure.data if (trace.xaxis or "x").removeprefix("x") in ends]
    gap = 0.09
    width = (1 - gap * (len(kept) - 1)) / len(kept)
    for i in range(count * count):
        horizontal, vertical = figure.layout[f"xaxis{_end(i)}"], figure.layout[f"yaxis{_end(i)}"]
        place = divmod(i, count)
        if place not in kept:
            horizontal.update(visible=False)
            vertical.update(visible=False)
            continue
        left = kept.index(place) * (width + gap)
        horizontal.update(domain=[left, min(1.0, left + width)], matches=None, showticklabels=True)
        vertical.update(domain=[0, 1], matches=None, showticklabels=True)
        horizontal.title.text, vertical.title.text = across[place[1]], down[place[0]]


def _wrap(figure: go.Figure, places: Sequence[int]) -> None:
    """Put a single row of panels into several rows.

    Args:
        figure: whose panels share the vertical axis.
        places: of each panel: 0 is at the top left, 1 to the right of it.
    """
    rows, columns = -(-len(places) // PER_ROW), min(len(places), PER_ROW)
    gap, below = 0.04, 0.28 / rows
    width, height = (1 - gap * (columns - 1)) / columns, (1 - below * (rows - 1)) / rows
    title = figure.layout.yaxis.title.text
    for i, place in enumerate(places):
        row, column = divmod(place, PER_ROW)
        end = _end(i)
        left, top = column * (width + gap), 1 - row * (height + below)
        figure.layout[f"xaxis{end}"].update(domain=[left, min(1.0, left + width)])
        vertical = figure.layout[f"yaxis{end}"]
        vertical.update(domain=[max(0.0, top - height), top], showticklabels=column == 0)
        vertical.title.text = title if column == 0 else None


def _thin(trace: Any) -> None:
    """Make the grid of a contour coarser, and its numbers shorter."""
    z = np.asarray(trace.z, dtype=np.float32)
    steps = [max(1, -(-size // FINEST)) for size in z.shape]
    trace.z = z[:: steps[0], :: steps[1]]
    trace.x, trace.y = list(trace.x)[:: steps[1]], list(trace.y)[:: steps[0]]
