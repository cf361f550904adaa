"""What one sends to others: pages in one file, which open without a network and without this app."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;max-width:1100px;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.9rem}"
    "th,td{border-bottom:1px solid #e1e5ea;padding:.3rem .8rem;text-align:left}"
    "figure{display:inline-block;margin:0 .6rem .6rem 0}img{max-width:340px}.muted{color:#66717e}"
)


def comparison(
    names: Sequence[str],
    sentences: Sequence[str],
    figure: go.Figure,
    metrics: pd.DataFrame,
    images: Sequence[tuple[str, Sequence[bytes]]],
) -> bytes:
    """A comparison of models as HTML.

    Args:
        names: the reference, then the others.
        sentences: what was found.
        figure: differences by part.
        metrics: all of them.
        images: of each image what is said of it, and a PNG for each model.
    """
    title = html.escape(f"{names[0]} against {', '.join(names[1:])}")
    said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    drawn = figure.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    pictures = "".join(_pictures(caption, names, some) for caption, some in images)
    differ = f"<h2>Where they differ most</h2>{pictures}" if pictures else ""
    made = f"{datetime.now():%d %b %Y, %H:%M}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head><body>'
        f'<h1>{title}</h1><p class="muted">{made}, by Brightfield</p>{said}{drawn}'
        f"<h2>All metrics on the test split</h2>{metrics.to_html(index=False, border=0, escape=True)}{differ}</body></html>\n"
    ).encode()


def _pictures(caption: str, names: Sequence[str], pictures: Sequence[bytes]) -> str:
    shown = "".join(
        f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name, picture in zip(names, pictures, strict=True)
    )
    return f"<p>{html.escape(caption)}</p>{shown}"
