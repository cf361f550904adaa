"""Page Tuning: the trials of each study, the importance of parameters, and the next command."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import parts
from figures import scores, studies, style
from queries import project, reports
from queries import studies as queries
from wording import number, words

MORE_TRIALS = 20  # the suggested number of trials is a multiple of it


def goal(model: str) -> tuple[str, str]:
    """Metric and direction of a model's study."""
    entry = project.settings().models[model]
    return reports.objective(entry.task, entry.dataset)


def summary(trials: pd.DataFrame, metric: str, direction: str) -> None:
    """Show the numbers of trials, and the best value."""
    states = trials["state"].value_counts()
    best = studies.best_so_far(trials, direction)
    figures: dict[str, str | int] = {
        f"Best {words(metric)}": number(best["best"].iloc[-1] if len(best) else None),
        "Complete": int(states.get("complete", 0)),
        "Pruned": int(states.get("pruned", 0)),
        "Failed": int(states.get("failed", 0)),
        "Minutes": f"{trials['duration_s'].sum() / 60:.1f}",
    }
    for place, (label, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        place.metric(label, value)


def logarithmic(model: str) -> set[str]:
    """Parameters that the study draws on a logarithmic scale."""
    return {path for path, search in project.settings().space(model).items() if search.log}


def show(model: str) -> None:
    """Show one study."""
    metric, direction = goal(model)
    trials = queries.trials(model)
    if trials["value"].notna().sum() == 0:
        parts.nothing_yet("This study has no trial with a value yet.", command(model))
        return
    summary(trials, metric, direction)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("History", anchor=False)
        st.plotly_chart(studies.history(trials, metric, direction), theme=None, config=style.CONFIG, key="history")
    with right:
        st.subheader("Importance of parameters", anchor=False)
        table = queries.importances(model)
        if table.empty:
            st.markdown(":gray[There are too few complete trials.]")
        else:
            figure = scores.bars(table, "parameter", "importance")
            st.plotly_chart(figure, theme=None, config=style.CONFIG, key="importances")
            st.caption("Share of each parameter in the variation of the objective among good trials (PED-ANOVA).")
    st.subheader("Objective by parameter", anchor=False)
    names = queries.parameters(trials)
    figure = studies.slices(trials, names, metric, direction, logarithmic(model))
    st.plotly_chart(figure, theme=None, config=style.CONFIG, key="slices")
    with st.expander("All trials"):
        st.dataframe(trials, hide_index=True, column_config={"value": st.column_config.NumberColumn(words(metric))})
    finished = int(trials["state"].isin(["complete", "pruned"]).sum())
    st.markdown("Continue the study, or write the best trial into `params.yaml`:")
    st.code(f"{command(model, finished)}\nbrightfield tune adopt {model}", language="bash")


def command(model: str, finished: int = 0) -> str:
    """The command that continues a study to the next multiple of ``MORE_TRIALS`` finished trials."""
    return f"make tune MODEL={model} TRIALS={(finished // MORE_TRIALS + 1) * MORE_TRIALS}"


parts.head("Tuning", "Which parameters were tried, which of them matter, and how far is the search?")
known = [name for name in queries.tuned() if name in project.settings().models]
trained = [name for name, model in project.settings().models.items() if not model.is_baseline]
if known:
    chosen = st.segmented_control("Model", known, default=known[0], required=True, key="study")
    show(chosen or known[0])
else:
    parts.nothing_yet("No model has been tuned yet.", "\n".join(map(command, trained)), "Each of these starts a study:")
