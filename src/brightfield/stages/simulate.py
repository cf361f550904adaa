"""``brightfield simulate NAME``: fill ``data/raw/NAME`` with simulated images and their exact truth."""

from __future__ import annotations

from brightfield import layout, params, simulate
from brightfield.data import store
from brightfield.system import processes, progress
from brightfield.system.files import atomic_folder


def run(name: str) -> None:
    """Simulate one entry of ``simulations``."""
    settings = params.entry(params.load().simulations, name, "simulation")
    simulated = simulate.simulate(settings, processes.available())
    records = progress.track(simulated, f"simulate {name}", simulate.count(settings), "image")
    about = {"origin": "simulated", "parameters": settings.model_dump(mode="json")}
    with atomic_folder(layout.raw(name)) as folder:
        store.write_raw(folder, records, about)
