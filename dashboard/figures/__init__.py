"""Tables to plotly figures: no widgets, no queries."""
