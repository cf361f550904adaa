"""How Sphinx builds the site (``make docs``): pages are Markdown, the API comes from docstrings, nothing is fetched."""

from __future__ import annotations

project = "Brightfield"
author = "the authors of Brightfield"
html_title = "Brightfield"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]

# --- Markdown -----------------------------------------------------------------------------------------------------------
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# --- API ----------------------------------------------------------------------------------------------------------------
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False  # those of other libraries are written for their own site
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of a dataclass are described once

# --- look ---------------------------------------------------------------------------------------------------------------
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
