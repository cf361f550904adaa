"""Plotly figures from tables: no widgets, no queries."""
