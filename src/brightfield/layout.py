"""Where everything lies, relative to the project's top folder, and what files are called. dvc.yaml names the same places."""

from __future__ import annotations

from pathlib import Path

FETCHED = Path(".brightfield/fetched")  # bundles downloaded from the registry
UNFINISHED = Path(".brightfield/unfinished")  # states of trainings, by which an interrupted one goes on
OUTPUTS = Path(".brightfield/outputs")  # of models, answered for an ensemble
TRIALS = Path(".brightfield/trials")  # states of trainings that a study began, and weights that it still asks for
STUDIES = Path("studies")  # of tuning
JOURNAL = STUDIES / "journal.log"  # in Optuna's format: all studies of the project
CLAIMS = STUDIES / "claims"  # locked bytes: who works on what
CODE = Path("code")  # which code each stage runs: code/<stage>/...json

# In the folder of a dataset, raw or prepared. The images of a split are in a file of its own: :func:`split_images`.
IMAGES = "images.h5"
INDEX = "index.csv"  # a row an image
ABOUT = "about.json"  # where the images come from
AUDIT = "audit.json"
SETTINGS = "settings.json"  # of the task
COVERAGE_TABLE = "coverage.csv"  # measures of each image, one row per image
COVERAGE = "coverage.json"  # range of these measures in the training split

# In the folder of a model or an ensemble
BUNDLE = "bundle.json"
WEIGHTS = "weights.safetensors"
MEMBERS = "members"  # folder with the bundles of an ensemble's members
RUN = "run.json"  # the run in MLflow
HISTORY = "history.csv"  # a row an epoch

# A trained model of each task that is part of the package: see :func:`starter`
STARTER = "starter"  # what it is called on the command line and in params.yaml
STARTERS = Path(__file__).parent / "starters"
CARD = "card.md"  # what it learnt from, how good it is, where it fails
LEARNT = "learnt.json"  # hashes of the images that it learnt from
STARTER_SCORES = "scores.json"
RECIPE = STARTERS / "recipe.yaml"  # what starters learn from, in the form of params.yaml
ADAPTERS = Path(__file__).parent / "evaluation" / "adapters"  # scripts that run other programs
PROFILES = Path(__file__).parent / "params" / "profiles"  # overlays of params.yaml: one file each

# In the folder of a report
REPORT = "report"  # end of the name of a folder with one that was downloaded
METRICS = "metrics.json"
IMAGE_SCORES = "images.csv"  # a row an image
CONFUSION = "confusion.json"
GUARANTEES = "guarantees.json"  # how far off answers may be; of a registered version beside its bundle
KEEP = ".gitkeep"  # an empty file, by which git keeps a folder
STUDY = "study.json"  # of tuning: trials, and what was found
STUDY_PAGE = "study.html"  # the same with figures, for a browser; loads nothing from a network
ENSEMBLE = "ensemble.json"  # members, weights and gains
FIGURES = "figures"  # folder

# In a folder that a command writes
GROUPS = "groups.csv"  # of exported images, beside ``ABOUT``
OVERLAY = "overlay.png"  # ends of the names of answers: <image>_overlay.png
INSTANCES, CLASS_MAP, DENOISED, DEVIATION = "labels.tif", "classes.tif", "denoised.tif", "deviation.tif"
MARGIN = "margin.tif"
ANSWERS = (OVERLAY, INSTANCES, CLASS_MAP, MARGIN, DENOISED, DEVIATION)
BESIDE = "beside.csv"  # the answers of classical methods beside a model's, in numbers
PROFILE, PHYSICS_PICTURE, SORTED_SHEET = "profile.png", "physics.png", "least-certain.png"  # beside tables
NEXT, NEXT_SHEET = "next.csv", "next.png"  # images to label next
NEXT_CURVE, NEXT_VERDICT = "curve.csv", "verdict.json"  # what labels are worth
LABEL_ERRORS, LABEL_ERRORS_SHEET = "label_errors.csv", "label_errors.png"  # images whose label is probably wrong


def raw(dataset: str) -> Path:
    """What a simulator or an import made."""
    return Path("data/raw") / dataset


def versions(dataset: str) -> Path:
    """The list of all versions of a lab's own dataset; git keeps it."""
    return raw(dataset).with_name(f"{dataset}.versions.json")


def prepared(dataset: str) -> Path:
    """Audited and split."""
    return Path("data/prepared") / dataset


def split_images(split: str) -> str:
    """Name of the file with the images of one split, in the folder of a prepared dataset."""
    return f"{split}.h5"


def model(task: str, name: str) -> Path:
    """The bundle of one trained model, with ``HISTORY`` and ``RUN``."""
    return Path("models") / task / name


def starter(task: str) -> Path:
    """The bundle that is part of the package, with ``CARD`` and ``LEARNT``; not every task has one."""
    return STARTERS / task


def unfinished(name: str) -> Path:
    """The state of a training that is under way; outside the outputs, which DVC removes before it runs a stage again."""
    return UNFINISHED / f"{name}.safetensors"


def predictions(task: str, name: str) -> Path:
    """What one model answered on validation and test, before decoding: what ensembles average."""
    return Path("predictions") / task / name


def outputs(name: str) -> Path:
    """What one model answered with other numbers of views than its entry has, by the hash of model and data; may be deleted."""
    return OUTPUTS / name


def ensemble(task: str, name: str) -> Path:
    """The bundle of an ensemble, with ``RUN``."""
    return ensembles(task) / name


def ensembles(task: str) -> Path:
    """All ensembles of a task. The stage ``register`` depends on the folder, which is there without any, too: see ``KEEP``."""
    return Path("ensembles") / task


def report(name: str) -> Path:
    """Scores, tables and figures of a model or an ensemble."""
    return Path("reports") / name


def fetched_report(name: str) -> Path:
    """The report of a registered model, brought from the tracking server to a machine that did not evaluate it."""
    return FETCHED / "reports" / name


def study_report(name: str) -> Path:
    """Figures and the result of tuning a model."""
    return Path("reports") / f"{name}.study"


def study_figure(name: str) -> str:
    """File of one figure of tuning, in the folder of its report; plotly reads it."""
    return f"{name}.json"


def trial(fingerprint: str) -> Path:
    """The state of a training that a study began, by its fingerprint."""
    return TRIALS / f"{fingerprint}.safetensors"


def registration(task: str) -> Path:
    """What became champion, and why."""
    return Path("registry") / f"{task}.json"


def scores(name: str) -> Path:
    """What DVC compares of a model's or an ensemble's scores."""
    return Path("scores") / f"{name}.json"


def confusion(name: str) -> Path:
    """Its confusion matrix, as DVC draws it."""
    return Path("confusions") / f"{name}.csv"


def beside(method: str) -> str:
    """End of the name of the picture of a model's answer and a classical one; of ``*`` the pattern of all of them."""
    return f"beside-{method}.png"


def curve(name: str) -> Path:
    """A training as DVC draws it: a row an epoch."""
    return Path("curves") / f"{name}.csv"
