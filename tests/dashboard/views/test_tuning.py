"""Studies."""

from __future__ import annotations

import pytest

from pages import charts, open_page


@pytest.mark.usefixtures("project", "fake_studies")
def test_a_study() -> None:
    app = open_page("tuning")
    assert charts(app) == 3
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {"Best capped error (px)": "0.300", "Complete": "4", "Pruned": "1", "Failed": "1", "Minutes": "6.0"}
    assert "make tune MODEL=beads-unet TRIALS=20" in app.code[0].value
    assert "brightfield tune adopt beads-unet" in app.code[0].value
