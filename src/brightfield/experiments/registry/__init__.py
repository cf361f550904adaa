"""MLflow's registered models: publish a bundle, promote it, roll back, fetch it.

The registered model is named after the task; each of its versions is one bundle (a model or an ensemble), served by
code and data files alone. The alias ``champion`` names the version in use, ``previous`` the one before it.
"""

from brightfield.experiments.registry.champions import champion, promote, roll_back
from brightfield.experiments.registry.fetching import fetch, fetch_report
from brightfield.experiments.registry.identity import bundle_hash
from brightfield.experiments.registry.publishing import publish
from brightfield.experiments.registry.versions import CHAMPION, PREVIOUS, Version, find, versions

__all__ = [
    "CHAMPION",
    "PREVIOUS",
    "Version",
    "bundle_hash",
    "champion",
    "fetch",
    "fetch_report",
    "find",
    "promote",
    "publish",
    "roll_back",
    "versions",
]
