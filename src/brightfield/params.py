"""``params.yaml``, validated once: frozen models, unknown keys refused with their dotted path and the names that are allowed.

Every number a user may turn stands in ``params.yaml``; the defaults here are what a key means when it is left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from brightfield.errors import BrightfieldError

PARAMS = Path("params.yaml")
Kind = Literal["classification", "tracking", "segmentation", "restoration"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A mapping of ``params.yaml``: frozen, nothing unknown, no text taken for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


# --- how to compute -----------------------------------------------------------------------------------------------------------


class Compute(Section):
    """Where and how to compute."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] = 2  # fixed, because the last digit depends on it
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the processor has it


class Evaluation(Section):
    """How sure a figure is (bootstrap over groups), and what it takes to become champion."""

    bootstrap: Annotated[int, Field(ge=100)] = 2000  # resamples
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: int = 0
    promote: Literal["better", "clearly_better"] = "better"  # clearly: the whole interval of the difference is better


# --- tasks --------------------------------------------------------------------------------------------------------------------


class TaskSettings(Section):
    """What every kind of task has: what a model of the task must know, so it travels with every trained model."""

    pixel_size_um: Annotated[float, Field(gt=0)] = 0.1


class ClassificationSettings(TaskSettings):
    """Is this crop the positive class?"""

    size_px: Annotated[int, Field(ge=16)] = 85  # crops of another size are resized to this
    channels: Literal[1, 3] = 3
    classes: Annotated[list[str], Field(min_length=2, max_length=2)] = ["bad", "good"]  # the second is the positive one


class TrackingSettings(TaskSettings):
    """Where are the beads in this frame?"""

    heat_sigma_px: Annotated[float, Field(gt=0)] = 2.0  # width of the Gaussian that marks a bead
    threshold: Fraction = 0.3  # peaks of the heat map below this are not beads
    separation_px: Annotated[float, Field(gt=0)] = 8.0  # two beads are at least this far apart
    tolerance_px: Annotated[float, Field(gt=0)] = 1.0  # further off than this is a miss


class SegmentationSettings(TaskSettings):
    """Which pixel is background, body, contour?"""

    classes: Annotated[list[str], Field(min_length=3, max_length=3)] = ["background", "body", "contour"]
    contour_px: Annotated[float, Field(gt=0)] = 2.0  # pixels of a cell within this of anything else are contour
    min_area_px: Annotated[int, Field(ge=1)] = 30  # smaller regions are not cells
    seed_probability: Fraction = 0.65  # of being body: where it is lower, cells that touch come apart


class RestorationSettings(TaskSettings):
    """What would this image look like with more light?"""


class _Task(Section):
    dataset: Name  # candidates for champion are compared on the test split of this dataset


class ClassificationTask(_Task):
    """A task of kind classification."""

    kind: Literal["classification"]
    settings: ClassificationSettings = ClassificationSettings()


class TrackingTask(_Task):
    """A task of kind tracking."""

    kind: Literal["tracking"]
    settings: TrackingSettings = TrackingSettings()


class SegmentationTask(_Task):
    """A task of kind segmentation."""

    kind: Literal["segmentation"]
    settings: SegmentationSettings = SegmentationSettings()


class RestorationTask(_Task):
    """A task of kind restoration."""

    kind: Literal["restoration"]
    settings: RestorationSettings = RestorationSettings()


Task = Annotated[ClassificationTask | TrackingTask | SegmentationTask | RestorationTask, Field(discriminator="kind")]
SETTINGS: dict[str, type[TaskSettings]] = {
    "classification": ClassificationSettings,
    "tracking": TrackingSettings,
    "segmentation": SegmentationSettings,
    "restoration": RestorationSettings,
}


# --- simulations --------------------------------------------------------------------------------------------------------------


class RbcSimulation(Section):
    """Single red blood cells of a stained smear, with a known probability of being bad."""

    simulator: Literal["rbc"]
    seed: int = 0
    smears: Annotated[int, Field(ge=3)] = 40  # groups: stain, light and focus vary from smear to smear
    crops_per_smear: Annotated[int, Field(ge=1)] = 60
    size_px: Annotated[int, Field(ge=32)] = 85
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.14
    good_fraction: Fraction = 0.45  # crops drawn without a defect; a defect too mild to see is good as well


class BeadsSimulation(Section):
    """Movies of diffraction rings around micro-beads."""

    simulator: Literal["beads"]
    seed: int = 0
    movies: Annotated[int, Field(ge=3)] = 40
    frames_per_movie: Annotated[int, Field(ge=1)] = 10
    size_px: Annotated[int, Field(ge=32)] = 96
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.1
    max_beads: Annotated[int, Field(ge=1)] = 3


class BacteriaSimulation(Section):
    """Dense fields of Myxococcus and E. coli, brightfield and phase contrast."""

    simulator: Literal["bacteria"]
    seed: int = 0
    images: Annotated[int, Field(ge=3)] = 48
    size_px: Annotated[int, Field(ge=64, le=4096)] = 384
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.065
    phase_fraction: Fraction = 0.5  # phase-contrast images; the others are brightfield
    fluorescence: bool = False  # also render one fluorescence channel (E. coli lit)


class DenoiseSimulation(Section):
    """The same fluorescent cells with little and with plenty of light."""

    simulator: Literal["denoise"]
    seed: int = 0
    images: Annotated[int, Field(ge=3)] = 60
    size_px: Annotated[int, Field(ge=64, le=4096)] = 192
    peak_electrons: Annotated[tuple[float, float], Field(strict=False)] = (4.0, 60.0)  # log-uniform, for each image


Simulation = Annotated[
    RbcSimulation | BeadsSimulation | BacteriaSimulation | DenoiseSimulation, Field(discriminator="simulator")
]


# --- datasets -----------------------------------------------------------------------------------------------------------------


class Dataset(Section):
    """A raw dataset, and how it is split: whole groups, never single images."""

    task: Name
    kind: Kind
    seed: int = 0
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2  # share of the groups
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @model_validator(mode="after")
    def _leaves_training_data(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test must leave something to train on, got {self.validation} + {self.test}")
        return self


# --- models -------------------------------------------------------------------------------------------------------------------


class ConvNet(Section):
    """A plain convolutional network with a dense head; with the defaults and three channels, 1,453,761 parameters."""

    architecture: Literal["convnet"]
    filters: list[int] = [32, 64, 128, 128]
    dense: list[int] = [256, 128]  # empty: global average pooling and one linear layer
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    batch_norm: bool = False


class UNet(Section):
    """A plain U-Net with batch normalisation."""

    architecture: Literal["unet"]
    filters: Annotated[int, Field(ge=1)] = 16  # in the first level; doubled at each level below
    depth: Annotated[int, Field(ge=2, le=7)] = 4  # levels
    residual: bool = False  # the network answers what to add to its input


class Smp(Section):
    """An architecture of segmentation-models-pytorch."""

    architecture: Literal["smp"]
    name: str = "Unet"
    encoder: str = "tu-tf_efficientnet_lite0"
    weights: str = (
        "none"  # none, efficientnet-lite0 (shipped, for the encoder of that name), or the path of a .safetensors file
    )


class Features(Section):
    """Baseline: colour and texture features with logistic regression."""

    architecture: Literal["features"]
    regularisation: Annotated[float, Field(gt=0)] = 1.0  # C of scikit-learn: smaller is stronger


class Correlation(Section):
    """Baseline: normalised cross-correlation with a template averaged from the training beads."""

    architecture: Literal["correlation"]
    template_px: Annotated[int, Field(ge=5)] = 33  # side of the template


class Watershed(Section):
    """Baseline: local threshold, then watershed on the distance to the background."""

    architecture: Literal["watershed"]
    sigma_px: Annotated[float, Field(ge=0)] = 1.0
    window_px: Annotated[int, Field(ge=3)] = 51


class NonLocalMeans(Section):
    """Baseline: non-local means, its strength chosen on the training split."""

    architecture: Literal["nonlocal_means"]
    patch_px: Annotated[int, Field(ge=3)] = 5
    distance_px: Annotated[int, Field(ge=1)] = 6


Network = Annotated[
    ConvNet | UNet | Smp | Features | Correlation | Watershed | NonLocalMeans, Field(discriminator="architecture")
]
Augmentation = Literal["flip", "rotate", "brightness", "noise", "blur", "colour"]


class Training(Section):
    """How a network is fitted. Baselines have none: they are fitted in closed form."""

    epochs: Annotated[int, Field(ge=1)]
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None  # none: one pass over the training images
    batch_size: Annotated[int, Field(ge=1)] = 32
    patch_px: Annotated[int, Field(ge=16)] | None = None  # none: whole images; else random square patches of this side
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    augment: list[Augmentation] = []
    balance_classes: bool = True  # weigh classes by the inverse of their share


class Model(Section):
    """One network or baseline, trained on one dataset."""

    task: Name
    kind: Kind
    dataset: Name
    seed: int = 0
    network: Network
    training: Training | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether this is a classical method, fitted without gradients."""
        return self.training is None

    @model_validator(mode="after")
    def _trained_or_classical(self) -> Self:
        trainable = isinstance(self.network, ConvNet | UNet | Smp)
        if trainable != (self.training is not None):
            verb = "needs" if trainable else "takes no"
            raise ValueError(f"architecture {self.network.architecture!r} {verb} section 'training'")
        return self


class Ensemble(Section):
    """Several models that answer together."""

    task: Name
    kind: Kind
    dataset: Name  # members are models trained on this dataset; baselines are left out
    members: Literal["all"] | list[Name] = "all"
    method: Literal["greedy", "soft_vote", "best_on_validation"] = "best_on_validation"
    max_members: Annotated[int, Field(ge=1)] = 20  # greedy: picks, with replacement


class Search(Section):
    """What a tuning study tries for one number or name: one of ``choices``, or anything from ``low`` to ``high``.

    Whole numbers are tried where both ends are whole.
    """

    choices: Annotated[list[bool | int | float | str], Field(min_length=1)] | None = None
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        has_range = self.low is not None and self.high is not None
        if (self.choices is not None) == has_range:
            raise ValueError("takes either choices, or low and high")
        if self.low is not None and self.high is not None and (self.low >= self.high or (self.log and self.low <= 0)):
            raise ValueError(f"low must be less than high, and above 0 with log, got {self.low} and {self.high}")
        return self


Space = dict[str, Search]  # dotted path inside a model's entry -> what to try


class Params(Section):
    """The whole of ``params.yaml``."""

    compute: Compute = Compute()
    evaluation: Evaluation = Evaluation()
    tasks: dict[Name, Task]
    simulations: dict[Name, Simulation] = {}
    datasets: dict[Name, Dataset]
    models: dict[Name, Model]
    ensembles: dict[Name, Ensemble] = {}
    spaces: dict[Name, Space] = {}

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        problems: list[str] = []
        for section in ("datasets", "models", "ensembles"):
            for name, entry in getattr(self, section).items():
                problems += self._disagreements(f"{section}.{name}", entry)
        for name, task in self.tasks.items():
            if task.dataset not in self.datasets:
                problems.append(f"tasks.{name}.dataset: {_unknown('dataset', task.dataset, self.datasets)}")
            elif (owner := self.datasets[task.dataset].task) != name:
                problems.append(f"tasks.{name}.dataset: {task.dataset!r} belongs to task {owner!r}, not {name!r}")
        for name in self.simulations.keys() - self.datasets.keys():
            problems.append(f"simulations.{name}: a simulation fills the dataset of its own name; add datasets.{name}")
        for name in self.spaces.keys() - self.models.keys():
            problems.append(f"spaces.{name}: {_unknown('model', name, self.models)}")
        for name in self.ensembles.keys() & self.models.keys():
            problems.append(f"ensembles.{name}: a model has this name already; reports would overwrite each other")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _disagreements(self, where: str, entry: Any) -> list[str]:
        if entry.task not in self.tasks:
            return [f"{where}.task: {_unknown('task', entry.task, self.tasks)}"]
        problems = []
        if entry.kind != (kind := self.tasks[entry.task].kind):
            problems.append(f"{where}.kind: task {entry.task!r} is of kind {kind!r}, got {entry.kind!r}")
        dataset = getattr(entry, "dataset", None)
        if dataset is not None and dataset not in self.datasets:
            problems.append(f"{where}.dataset: {_unknown('dataset', dataset, self.datasets)}")
        elif dataset is not None and self.datasets[dataset].task != entry.task:
            problems.append(
                f"{where}.dataset: {dataset!r} belongs to task {self.datasets[dataset].task!r}, not {entry.task!r}"
            )
        members = getattr(entry, "members", "all")
        for member in [] if members == "all" else members:
            if member not in self.models:
                problems.append(f"{where}.members: {_unknown('model', member, self.models)}")
        return problems


# --- reading ------------------------------------------------------------------------------------------------------------------

Entry = TypeVar("Entry")


def load(path: Path = PARAMS) -> Params:
    """Read and validate ``params.yaml``; one :class:`BrightfieldError` names every problem by its dotted path."""
    return parse(read_yaml(path), str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The plain contents of a YAML file."""
    if not path.is_file():
        raise BrightfieldError(f"There is no {path} here ({Path.cwd()}). Run this from the project's top folder.")
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise BrightfieldError(f"{path} is not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise BrightfieldError(
            f"{path} must hold sections (tasks, datasets, models, ...), got {type(content).__name__}."
        )
    return content


def parse(content: Mapping[str, Any], source: str = "params.yaml") -> Params:
    """Validate the contents of a ``params.yaml``."""
    return _validated(TypeAdapter(Params), content, source)


def parse_model(content: Mapping[str, Any], source: str) -> Model:
    """Validate one entry of ``models`` (a trial of a tuning study, or what a bundle remembers)."""
    return _validated(TypeAdapter(Model), content, source)


def parse_settings(kind: str, content: Mapping[str, Any], source: str) -> TaskSettings:
    """Validate the ``settings`` of a task of this kind (what a bundle remembers)."""
    return _validated(TypeAdapter(entry(SETTINGS, kind, "kind of task")), content, source)


def _validated(adapter: TypeAdapter[Entry], content: Mapping[str, Any], source: str) -> Entry:
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        lines = [line for problem in error.errors() for line in _explain(dict(problem), content)]
        raise BrightfieldError(f"{source} is not valid:\n  " + "\n  ".join(lines)) from error


def entry(entries: Mapping[str, Entry], name: str, what: str) -> Entry:
    """``entries[name]``, or an error that lists the names there are; ``what`` is e.g. ``model``."""
    if name not in entries:
        raise BrightfieldError(_unknown(what, name, entries))
    return entries[name]


def _unknown(what: str, name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no {what} {name!r}.{hint} Known: {', '.join(sorted(known)) or 'none'}."


def _explain(problem: dict[str, Any], content: Mapping[str, Any]) -> list[str]:
    """One problem as 'dotted.path: what came, what was expected'."""
    path = _dotted(problem["loc"], content)
    kind, came = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        allowed = _allowed(problem["loc"])
        near = difflib.get_close_matches(path.rsplit(".", 1)[-1], allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return [f"{path}: unknown key.{hint} Allowed: {', '.join(allowed)}."]
    if kind == "missing":
        return [f"{path}: missing"]
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["discriminator"].strip("'")
        return [f"{path}.{tag}: expected one of {problem['ctx']['expected_tags']}, got {problem['ctx']['tag']!r}"]
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return [f"{path}: {line}" if path else line for line in message.splitlines()]
    return [f"{path}: {message[0].lower()}{message[1:]}, got {came!r}"]


def _dotted(loc: tuple[int | str, ...], content: Any) -> str:
    """The path as the user wrote it: pydantic adds the tags of unions to a location."""
    keys: list[str] = []
    here = content
    for i, key in enumerate(loc):
        is_entry = isinstance(here, Mapping) and key in here
        is_item = isinstance(here, list) and isinstance(key, int) and key < len(here)
        if is_entry or is_item:
            here = here[key]
        elif i < len(loc) - 1 or not isinstance(here, Mapping):
            continue  # a tag
        keys.append(str(key))
    return ".".join(keys)


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the section that refused one: found by following the models along the location."""
    model: Any = Params
    for key in loc[:-1]:
        model = _inside(model, key)
    return sorted(model.model_fields)


def _inside(annotation: Any, key: int | str) -> Any:
    """What an annotation holds under a key of a location: a field, an entry of a mapping, or the tagged one of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        found = annotation.model_fields[str(key)].annotation
    elif get_origin(annotation) is dict:
        found = get_args(annotation)[1]
    else:  # a union of sections, told apart by a literal
        found = next(section for section in get_args(annotation) if key in _tags(section))
    if get_origin(found) is Annotated:
        found = get_args(found)[0]
    if type(None) in get_args(found):  # an optional section is that section
        found = get_args(found)[0]
    return found


def _tags(section: type[Section]) -> list[str]:
    literals = [field.annotation for field in section.model_fields.values() if get_origin(field.annotation) is Literal]
    return [value for literal in literals for value in get_args(literal)]
