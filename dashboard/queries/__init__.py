"""Queries of the pages as tables, from the project's files, MLflow and tuning studies. No widgets.

Paths are relative to the current folder, which is the project's. Results are cached for a short time, because every click
runs a page again.
"""
