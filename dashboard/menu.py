"""The pages of the dashboard."""

from __future__ import annotations

import streamlit as st

import parts
from brightfield.errors import BrightfieldError
from brightfield.system import environment

environment.set_defaults()  # pages load torch
st.set_page_config(page_title="Brightfield", page_icon=":material/biotech:", layout="wide")
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/home:", default=True),
        st.Page("views/data.py", title="Data", icon=":material/photo_library:"),
        st.Page("views/runs.py", title="Runs", icon=":material/table_rows:"),
        st.Page("views/compare.py", title="Compare", icon=":material/balance:"),
        st.Page("views/shifts.py", title="Shifts", icon=":material/swap_horiz:"),
        st.Page("views/confusion.py", title="Confusion", icon=":material/grid_on:"),
        st.Page("views/errors.py", title="Errors", icon=":material/troubleshoot:"),
        st.Page("views/beads.py", title="Beads", icon=":material/scatter_plot:"),
        st.Page("views/ensembles.py", title="Ensembles", icon=":material/hub:"),
        st.Page("views/tuning.py", title="Tuning", icon=":material/tune:"),
        st.Page("views/registry.py", title="Registry", icon=":material/inventory_2:"),
        st.Page("views/predict.py", title="Predict", icon=":material/image_search:"),
    ]
)
try:
    page.run()
except BrightfieldError as error:
    parts.problem(error)
