"""The dashboard: ``make dashboard``, or ``streamlit run dashboard/app.py`` in the project's folder.

The pages are those of ``menu.py``; beside them the server answers what the microscope asks for.
"""

from __future__ import annotations

import streamlit as st

from microscope.routes import ROUTES

app = st.App("menu.py", routes=ROUTES)
