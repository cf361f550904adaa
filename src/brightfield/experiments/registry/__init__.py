"""MLflow's registered models: publish a bundle, promote it, roll back, fetch it.

The registered model is named after the task; each of its versions is one bundle (a model or an ensemble), served by
code and data files alone. The alias ``champion`` names the version in use, ``previous`` the one before it, ``challenger`` the last
one that was refused. Every decision is logged with the model.
"""

from brightfield.experiments.registry.champions import LookTakenError, challenge, champion, promote, roll_back
from brightfield.experiments.registry.decision_log import COLUMNS as DECISION_COLUMNS
from brightfield.experiments.registry.decision_log import decisions, look
from brightfield.experiments.registry.fetching import fetch, fetch_report, fetch_whole_report
from brightfield.experiments.registry.identity import bundle_hash
from brightfield.experiments.registry.publishing import card, describe, publish
from brightfield.experiments.registry.versions import CHALLENGER, CHAMPION, PREVIOUS, Version, find, versions

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DECISION_COLUMNS",
    "PREVIOUS",
    "LookTakenError",
    "Version",
    "bundle_hash",
    "card",
    "challenge",
    "champion",
    "decisions",
    "describe",
    "fetch",
    "fetch_report",
    "fetch_whole_report",
    "find",
    "look",
    "promote",
    "publish",
    "roll_back",
    "versions",
]
