"""The trainings of a study: what one depends on, what it learns from, and how good the network is that comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from brightfield import layout, params, tasks, training
from brightfield.data import splitting
from brightfield.data.store import ImageSet, Selection
from brightfield.errors import BrightfieldError
from brightfield.evaluation import scoring
from brightfield.evaluation.scoring import TEST, TRAIN, VALIDATION, Split
from brightfield.experiments import registry, runs
from brightfield.inference import bundle
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.device import start_device
from brightfield.inference.predictor import Predictor
from brightfield.params import spaces
from brightfield.system import lineage
from brightfield.system.files import atomic_folder
from brightfield.tasks import Task
from brightfield.tasks.examples import Examples
from brightfield.training import Fitted, warm_start
from brightfield.training.distilling import Teacher
from brightfield.training.resuming import Resumable, fingerprint

OnEpoch = Callable[[int, dict[str, float]], None]


class TrialFailedError(Exception):
    """A training that came to nothing, with the reason in words."""


@dataclass(frozen=True)
class Splits:
    """What a training learns from, and what its epochs are chosen on.

    Attributes:
        train, validation: the images.
        seed: of the choice of groups; None: as the dataset is prepared.
    """

    train: ImageSet
    validation: ImageSet
    seed: int | None = None


class Trainer:
    """Trains entries that differ from a model's in what is tuned.

    Attributes:
        settings: of ``params.yaml``, with the threads of this worker.
        name: of the model.
        model: its entry.
        dataset: where its images are, with their hash.
        device: where it computes.
    """

    def __init__(self, settings: params.Params, name: str) -> None:
        self.settings, self.name = settings, name
        self.model = params.entry(settings.models, name, "model")
        self.space = settings.space(name)
        if not self.space:
            raise BrightfieldError(
                f"{name!r} has nothing to tune: its strength is chosen on the training split. Name what is to be tried in "
                f"section spaces of {params.PARAMS}."
            )
        self.device = start_device(settings.compute)
        self.folder = layout.prepared(self.model.dataset)
        self.dataset = runs.DatasetRef(
            self.model.dataset, self.folder.as_posix(), lineage.data_hash(self.folder), TRAIN
        )
        train, validation = (ImageSet.prepared(self.folder, split) for split in (TRAIN, VALIDATION))
        self.splits = Splits(train, validation)
        self.task = self.task_of(self.model)
        self.objective = self.task.objective_on(Examples.of(self.task, validation).truth)
        teaching = self.model.training.distil_from if self.model.training else None
        self._taught_by = None if teaching is None else warm_start.folder_of(self.model.task, teaching, "distil_from")

    @property
    def epochs(self) -> int:
        """Of a whole training; 0 for a baseline."""
        return 0 if self.model.training is None else self.model.training.epochs

    @cached_property
    def content(self) -> dict[str, Any]:
        """The model's entry as plain values, with all that it leaves out."""
        found: dict[str, Any] = spaces.content_of(self.model, self.task.settings)
        return found

    @cached_property
    def _initial(self) -> Any:
        return warm_start.initial_weights(self.model)

    def identity(self) -> dict[str, Any]:
        """What the trials of a study have in common."""
        space = {path: search.model_dump(mode="json") for path, search in self.space.items()}
        task = self.task.settings.model_dump(mode="json")
        return {"model": self.content, "space": space, "task": task, "data": self._data()}

    def _data(self) -> object:
        """The hash of the data; where DVC knows none, the state of their files."""
        if self.dataset.hash is not None:
            return self.dataset.hash
        states = [part.path.stat() for part in (self.splits.train, self.splits.validation)]
        return [[found.st_size, found.st_mtime_ns] for found in states]

    def task_of(self, entry: params.Model) -> Task[Any, Any]:
        """The task as an entry answers it."""
        return tasks.build(entry.kind, self.settings.settings_of(entry))

    def entry(self, values: Mapping[str, Any], source: str) -> params.Model:
        """The model's entry with other values."""
        return params.with_values(self.model, values, source)

    def reshuffled(self, seed: int) -> Splits:
        """Another choice of the groups of training and validation, with the same shares; test, suites and gate stay as they are."""
        parts = self.splits.train, self.splits.validation
        rows = pd.concat([part.index for part in parts], ignore_index=True)
        share = len(parts[1]) / len(rows)
        # a third split is asked of `split_groups`: it is dealt out with the training split
        dealt = splitting.split_groups(
            list(rows["group"]),
            validation=share,
            test=(1 - share) / 2,
            seed=seed,
            strata=list(rows["label"]) if "label" in rows else None,
        )
        places = [(number, i) for number, part in enumerate(parts) for i in range(len(part))]
        of_validation = [place for place, name in zip(places, dealt, strict=True) if name == VALIDATION]
        rest = [place for place, name in zip(places, dealt, strict=True) if name != VALIDATION]
        return Splits(Selection(parts, rest), Selection(parts, of_validation), seed)

    def fingerprint(self, entry: params.Model, splits: Splits) -> str:
        """A digest of all that the result of a training depends on."""
        identity: dict[str, Any] = {
            "model": entry.model_dump(mode="json"),
            "settings": self.task_of(entry).settings.model_dump(mode="json"),
            "data": self._data(),
            "split": splits.seed,
        }
        if self._taught_by is not None:
            identity["teacher"] = registry.bundle_hash(self._taught_by)
        return fingerprint(identity, self.device, self.settings.compute.threads, self._initial)

    def train(
        self,
        entry: params.Model,
        splits: Splits,
        description: str,
        on_epoch: OnEpoch | None = None,
        resumable: Resumable | None = None,
    ) -> Fitted:
        """Train one entry.

        Raises:
            TrialFailedError: a loss was not finite.
        """

        def checked(epoch: int, metrics: dict[str, float]) -> None:
            if not math.isfinite(metrics["train_loss"]):
                raise TrialFailedError(f"the loss was {metrics['train_loss']} in epoch {epoch + 1}")
            if on_epoch is not None:
                on_epoch(epoch, metrics)

        task = self.task_of(entry)
        teacher = None if self._taught_by is None else Teacher(task, self._taught_by, self.settings.compute)
        return training.fit(
            task,
            entry,
            splits.train,
            splits.validation,
            self.settings.compute,
            checked,
            description,
            self._initial,
            resumable,
            teacher,
        )

    def value(self, entry: params.Model, fitted: Fitted) -> float:
        """The objective of a training on its validation split: at the epoch that it chose; of a baseline, of its answers.

        Raises:
            TrialFailedError: it is not finite.
        """
        if fitted.best_epoch is None:
            value = self.pooled(self.table_of_validation(entry, fitted, self.splits))
        else:
            value = float(fitted.history[f"validation_{self.objective.metric}"][fitted.best_epoch])
        if not math.isfinite(value):
            raise TrialFailedError(f"its {self.objective.metric} on the validation split is {value}")
        return value

    def keep(self, entry: params.Model, fitted: Fitted, found: str) -> None:
        """Keep a trained network until the study is over."""
        with atomic_folder(layout.trial(found).with_suffix("")) as folder:
            bundle.write(folder, self.name, self.model.task, fitted.settings, entry, fitted.network, {})

    def kept(self, found: str) -> Predictor | None:
        """What answers with a network that was kept on this machine; None without it."""
        folder = layout.trial(found).with_suffix("")
        return Predictor.load(folder, self.settings.compute) if folder.is_dir() else None

    def _split(self, name: str, images: ImageSet) -> Split:
        examples = Examples.of(self.task, images)
        return Split(name, images, examples.encoded, examples.truth)

    def table_of_validation(self, entry: params.Model, fitted: Fitted, splits: Splits) -> pd.DataFrame:
        """The scored answers to the validation images of a split, a row an image."""
        return self.table(entry, fitted, self._split(VALIDATION, splits.validation))

    def table_of_test(self, predictor: Predictor) -> pd.DataFrame:
        """The scored answers to the test split, a row an image."""
        return self._scored(predictor, Split.load(self.task, self.folder, TEST))

    def table(self, entry: params.Model, fitted: Fitted, split: Split) -> pd.DataFrame:
        """The statistics for the objective of a network's answers, decoded as in prediction."""
        return self._scored(self.predictor(entry, fitted), split)

    @staticmethod
    def _scored(predictor: Predictor, split: Split) -> pd.DataFrame:
        return scoring.objective_table(predictor.task, split, predictor.stream(split.encoded))

    def predictor(self, entry: params.Model, fitted: Fitted) -> Predictor:
        """What answers with a trained network."""
        return self._predictor(entry, fitted.network, type(self.task)(fitted.settings))

    def untrained(self, entry: params.Model, network: nn.Module) -> Predictor:
        """What answers with a network as it is initialised, to see how long it takes."""
        return self._predictor(entry, network, self.task_of(entry))

    def baseline(self, entry: params.Model) -> Predictor:
        """A fitted classical method."""
        return self.predictor(entry, self.train(entry, self.splits, self.name))

    def _predictor(self, entry: params.Model, network: nn.Module, task: Task[Any, Any]) -> Predictor:
        model = Bundle(self.name, self.model.task, task, entry, network, {})
        return Predictor([Member(model, 1.0)], self.settings.compute, task)

    def pooled(self, table: pd.DataFrame) -> float:
        """The objective of all images of a table."""
        return self.by_group(table.assign(group=""))[""]

    def by_group(self, table: pd.DataFrame) -> dict[str, float]:
        """The objective of the images of each group; nan where it is not defined."""
        groups = sorted(set(table["group"]))
        weights = [[1.0 * (group == own) for own in table["group"]] for group in groups]
        values = self.task.scoring.pooled_for(self.objective.metric, table, np.array(weights))
        return {str(group): float(value) for group, value in zip(groups, values, strict=True)}
