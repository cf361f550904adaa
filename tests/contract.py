"""One suite over all kinds of task: what stages, tuner, ensembles, registry and dashboard rely on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

import tiny
from brightfield import params, tasks, training
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference import activations, bundle
from brightfield.inference.device import start_device
from brightfield.inference.predictor import Predictor
from brightfield.results import Picture, form_of
from brightfield.system.files import atomic_folder
from brightfield.tasks import Task
from kinds import KINDS


def task_of(kind: str) -> Task[Any, Any]:
    return tasks.build(kind, KINDS[kind].settings)


def answers_of(task: Task[Any, Any], network: torch.nn.Module, records: list[Record]) -> list[Any]:
    encoded = [task.learning.encode(record.image) for record in records]
    activated = activations.activations(task, network, encoded, start_device(tiny.COMPUTE))
    return [task.answering.decode(a, e) for a, e in zip(activated, encoded, strict=True)]


FOREIGN: dict[str, Callable[[npt.NDArray[np.uint8]], np.ndarray]] = {
    "8-bit": lambda image: image,
    "16-bit": lambda image: image.astype(np.uint16) * 200,
    "float": lambda image: image.astype(np.float32) / 255,
}


def _needs_baseline(kind: str) -> None:
    if KINDS[kind].baseline is None:
        pytest.skip(f"there is no classical method for {kind}")


class ContractSuite:
    """The tests of one kind; a class of tests inherits them and has a fixture ``kind``, the name of an entry of ``KINDS``."""

    def test_an_encoded_image_has_mean_0_and_standard_deviation_1(self, kind: str) -> None:
        task = task_of(kind)
        for record in tiny.records(kind, 3):
            encoded = task.learning.encode(record.image)
            assert encoded.tensor.dtype == torch.float32
            assert encoded.tensor.ndim == 3
            assert len(encoded.tensor) == task.learning.shape().inputs
            assert encoded.shape == record.image.shape[:2]
            assert float(encoded.tensor.mean()) == pytest.approx(0, abs=1e-4)
            assert float(encoded.tensor.std(correction=0)) == pytest.approx(1, abs=1e-4)
            again = encoded.tensor.numpy().transpose(1, 2, 0) * encoded.std + encoded.mean
            np.testing.assert_allclose(
                again.reshape(record.image.shape), record.image, rtol=1e-3, atol=1e-3 * encoded.std
            )

    def test_a_perfect_output_becomes_the_truth_and_scores_perfectly(self, kind: str) -> None:
        task, known = task_of(kind), KINDS[kind]
        records = tiny.records(kind, 6, seed=3)
        samples = task.learning.dataset(records)
        outputs = [known.output(target)[None].float() for target in samples.targets]
        answers = [
            task.answering.decode(task.answering.activate(output)[0].numpy(), encoded)
            for output, encoded in zip(outputs, samples.encoded, strict=True)
        ]
        truth = [task.learning.truth(record) for record in records]
        for answer, true in zip(answers, truth, strict=True):
            assert isinstance(answer, KINDS[kind].answer)
            assert known.agree(answer, true)
        scores = task.scoring.score(answers, truth)
        assert {name: scores[name] for name in known.perfect} == pytest.approx(known.perfect, abs=1e-3)
        assert task.objective.metric in scores

    def test_what_is_measured_is_known_from_the_training(self, kind: str) -> None:
        task = task_of(kind)
        width = task.learning.known_width(tiny.records(kind, 6))
        assert (width is None) == (task.answering.measured is None or not task.answering.by_width)
        assert width is None or 1 < width < 48
        assert task.answering.measured is None or task.answering.magnifiable

    def test_the_loss_is_least_at_a_perfect_output(self, kind: str) -> None:
        task, known = task_of(kind), KINDS[kind]
        samples = task.learning.dataset(tiny.records(kind, 2))
        target = torch.stack(list(samples.targets))
        perfect = torch.stack([known.output(t) for t in samples.targets]).float()
        loss = task.learning.loss_function(samples, params.Training(epochs=1, balance="none"))
        best = loss(perfect, target)
        assert best.ndim == 0
        noise = torch.randn(perfect.shape, generator=torch.Generator().manual_seed(0))
        for other in (torch.zeros_like(perfect), -perfect, perfect.flip(0), noise):
            assert loss(other, target) > best

    def test_a_loss_function_is_not_changed_by_that_of_a_later_training(self, kind: str) -> None:
        task, output = task_of(kind), KINDS[kind].output
        samples, others = (task.learning.dataset(tiny.records(kind, count)) for count in (4, 3))
        target, zeros = (
            samples.targets[1][None],
            torch.zeros_like(output(samples.targets[1])[None], dtype=torch.float32),
        )
        loss = task.learning.loss_function(samples, params.Training(epochs=1))
        before = loss(zeros, target)
        task.learning.loss_function(others, params.Training(epochs=1, dice=0.5))
        assert torch.equal(loss(zeros, target), before)

    def test_four_images_are_learnt_by_heart(self, kind: str) -> None:
        task, known = task_of(kind), KINDS[kind]
        records: Any = tiny.records(kind, 4, seed=5)
        model = tiny.model(kind, epochs=known.epochs, steps_per_epoch=10, learning_rate=0.03)
        start_device(tiny.COMPUTE, model.seed)
        truth = [task.learning.truth(record) for record in records]
        name, direction = task.objective.metric, task.objective.direction
        before = task.scoring.score(answers_of(task, task.learning.network(model), records), truth)[name]
        fitted = training.fit(task, model, records, records, tiny.COMPUTE)
        after = task.scoring.score(answers_of(task, fitted.network, records), truth)[name]
        assert task.objective.better(after, before)
        assert after >= known.learnt if direction == "maximize" else after <= known.learnt
        assert fitted.history["train_loss"].iloc[-1] < 0.7 * fitted.history["train_loss"].iloc[0]

    @pytest.mark.parametrize("make", [tiny.model, tiny.baseline], ids=["network", "baseline"])
    def test_a_bundle_answers_as_what_was_put_into_it(
        self, kind: str, make: Callable[[str], Any], tmp_path: Path
    ) -> None:
        if make is tiny.baseline:
            _needs_baseline(kind)
        task, model = task_of(kind), make(kind)
        records: Any = tiny.records(kind, 4)
        fitted = training.fit(task, model, records, records, tiny.COMPUTE)
        with atomic_folder(tmp_path / "bundle") as folder:
            bundle.write(folder, "small", kind, task.settings, model, fitted.network, {})
        seen = [record.image for record in tiny.records(kind, 3, seed=7)]
        predictor = Predictor.load(tmp_path / "bundle", tiny.COMPUTE)
        expected = activations.activations(
            task, fitted.network, [task.learning.encode(i) for i in seen], predictor.device
        )
        found = predictor.activations([predictor.task.learning.encode(image) for image in seen])
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("size", [(45, 71), (100, 33)])
    def test_an_image_of_another_size_and_type_is_answered(self, kind: str, size: tuple[int, int]) -> None:
        task = task_of(kind)
        torch.manual_seed(0)
        network = task.learning.network(tiny.model(kind))
        shape = (*size, 3) if task.learning.shape().inputs == 3 else size
        image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        answers = [answers_of(task, network, [Record("a", "g", change(image))])[0] for change in FOREIGN.values()]
        assert all(isinstance(answer, KINDS[kind].answer) for answer in answers)
        arrays = [getattr(answers[0], name) for name in ("instances", "classes", "pixels") if hasattr(answers[0], name)]
        assert all(array.shape == size for array in arrays)

    def test_a_served_answer_has_the_entries_that_its_type_declares(self, kind: str) -> None:
        task = task_of(kind)
        torch.manual_seed(0)
        entries = {entry.name: entry for entry in form_of(task.answer_type).entries}
        if not entries:
            pytest.skip(f"the schema of {kind} shows no answers")
        for answer in answers_of(task, task.learning.network(tiny.model(kind)), tiny.records(kind, 2)):
            plain = answer.to_dict()
            assert isinstance(plain.pop("kind"), str)
            assert {name for name, entry in entries.items() if entry.always} <= set(plain) <= set(entries)
            for name, value in plain.items():
                assert (np.asarray(value).dtype, np.ndim(value)) == (entries[name].dtype, entries[name].axes), name

    @pytest.mark.parametrize("scale", [1.0, 256.0])
    def test_an_answer_does_not_depend_on_the_units_of_the_image(self, kind: str, scale: float) -> None:
        task = task_of(kind)
        torch.manual_seed(0)
        network = task.learning.network(tiny.model(kind))
        record = tiny.records(kind, 1)[0]
        image = record.image.astype(np.float32)
        one, other = (answers_of(task, network, [Record("a", "g", i)])[0] for i in (image, image * scale))
        if isinstance(one, Picture):  # which comes back in the units of the image
            other = Picture(other.pixels / np.float32(scale))
        assert KINDS[kind].agree(one, other)

    def test_resamples_are_pooled_as_tables_of_their_images(self, kind: str) -> None:
        """Some images several times, some not at all; imperfect answers, and one image alone."""
        task = task_of(kind)
        records = tiny.records(kind, 6)
        truth = [task.learning.truth(record) for record in records]
        rows = [task.scoring.statistics(truth[(i + i % 2) % 6], truth[i]) for i in range(6)]
        table = pd.DataFrame(rows)
        drawn = [*np.random.default_rng(0).integers(0, 6, (20, 6)), np.array([3])]
        weights = np.stack([np.bincount(each, minlength=6) for each in drawn]).astype(float)
        for pooled, summarise in (
            (task.scoring.pooled, task.scoring.summarise),
            (task.scoring.pooled_subset, task.scoring.summarise_subset),
        ):
            at_once = pooled(table, weights)
            for number, each in enumerate(drawn):
                alone = summarise(table.iloc[each])
                assert {name: value[number] for name, value in at_once.items()} == pytest.approx(alone, nan_ok=True)

    def test_a_metric_alone_is_that_among_all(self, kind: str) -> None:
        task = task_of(kind)
        scoring = task.scoring
        truth = [task.learning.truth(record) for record in tiny.records(kind, 6)]
        pairs = [(truth[(i + i % 2) % 6], truth[i]) for i in range(6)]
        weights = np.random.default_rng(1).integers(0, 3, (20, 6)).astype(float)
        table = pd.DataFrame([scoring.statistics(*pair) for pair in pairs])
        for metric, values in scoring.pooled(table, weights).items():
            few = pd.DataFrame([scoring.statistics_for(metric, *pair) for pair in pairs])
            assert few.columns.isin(table.columns).all()
            for columns in (few, table):
                np.testing.assert_array_equal(scoring.pooled_for(metric, columns, weights), values)
            whole = scoring.summarise(table)[metric]
            assert scoring.score_in(metric, *zip(*pairs, strict=True)) == pytest.approx(whole, nan_ok=True)

    def test_statistics_are_numbers_that_pool_into_metrics(self, kind: str) -> None:
        task = task_of(kind)
        records = tiny.records(kind, 5)
        truth = [task.learning.truth(record) for record in records]
        rows = [task.scoring.statistics(t, t) for t in truth]
        assert all(row.keys() == rows[0].keys() for row in rows)
        assert all(isinstance(value, float) for row in rows for value in row.values())
        table = pd.DataFrame(rows)
        pooled = task.scoring.summarise({name: table[name].to_numpy() for name in rows[0]})
        assert pooled == pytest.approx(task.scoring.summarise(table), nan_ok=True)
        assert pooled == pytest.approx(task.scoring.score(truth, truth), nan_ok=True)
        assert task.objective.metric in pooled
        assert task.objective.direction in ("maximize", "minimize")
        counted = task.scoring.confusion(table)
        if counted is not None:
            classes, counts = counted
            assert counts.shape == (len(classes), len(classes))
            assert np.trace(counts) == counts.sum() > 0  # truth against itself
            of_images = task.scoring.confusions(table)
            assert of_images is not None
            assert of_images[1].shape == (len(classes), len(classes), len(table))

    def test_what_a_viewer_shows_of_truth_against_itself_is_right(self, kind: str) -> None:
        """And each verdict, position and pixel belongs to something that is there."""
        task = task_of(kind)
        for record in tiny.records(kind, 3):
            truth = task.learning.truth(record)
            for shown in task.scoring.layers(truth, truth):
                assert set(shown.verdicts) <= {"", "right"}
                for array in (shown.picture, shown.instances):
                    assert array is None or array.shape == record.image.shape[:2]
                if shown.instances is not None:
                    assert len(shown.verdicts) == shown.instances.max() + 1
                if shown.points is not None:
                    assert len(shown.verdicts) == len(shown.points)
                assert np.array_equal(shown.residuals[:, :2], shown.residuals[:, 2:])  # none is off

    def test_what_is_guaranteed_is_declared_and_measured_in_every_image(self, kind: str) -> None:
        """A limit as large as every score covers all; without limits nothing changes."""
        task = task_of(kind)
        declared = set(task.scoring.guarantees)
        truth = [task.learning.truth(record) for record in tiny.records(kind, 4)]
        pairs = [(truth[i], truth[i - 1]) for i in range(4)]
        scores = [task.scoring.nonconformity(*pair) for pair in pairs]
        assert all(set(of_image) == declared for of_image in scores)
        assert all((each >= 0).all() for of_image in scores for each in of_image.values())
        assert all(not each.any() for true in truth for each in task.scoring.nonconformity(true, true).values())
        limits = {name: max([0.0, *(float(of_image[name].max(initial=0)) for of_image in scores)]) for name in declared}
        for answer, _ in pairs:
            assert KINDS[kind].agree(task.answering.guaranteed(answer, {}), answer)
            sizes = task.scoring.sizes(task.answering.guaranteed(answer, limits))
            assert set(sizes) <= declared
            assert all(size >= 0 for size in sizes.values())

    def test_combined_answers_name_their_images(self, kind: str) -> None:
        task = task_of(kind)
        rows = {f"image{i}": task.rows(task.learning.truth(record)) for i, record in enumerate(tiny.records(kind, 3))}
        table = task.combine(rows)
        assert list(dict.fromkeys(table["image"])) == list(rows)
        assert len(table) == sum(map(len, rows.values())) >= len(rows)
        assert not table.isna().any().any()

    def test_the_baseline_fits_and_answers_with_finite_values(self, kind: str) -> None:
        _needs_baseline(kind)
        task = task_of(kind)
        records: Any = tiny.records(kind, 8)
        fitted = training.fit(task, tiny.baseline(kind), records, records, tiny.COMPUTE)
        assert not list(fitted.network.parameters())
        unseen = tiny.records(kind, 4, seed=11)
        device = start_device(tiny.COMPUTE)
        for activated in activations.activations(
            task, fitted.network, [task.learning.encode(r.image) for r in unseen], device
        ):
            assert len(activated) == task.learning.shape().outputs
            assert np.isfinite(activated).all()
        score = task.scoring.score(answers_of(task, fitted.network, unseen), [task.learning.truth(r) for r in unseen])
        reached, least = score[task.objective.metric], KINDS[kind].fitted
        assert reached >= least if task.objective.direction == "maximize" else reached <= least

    def test_an_augmentation_that_makes_the_truth_untrue_is_refused_with_those_allowed(self, kind: str) -> None:
        task = task_of(kind)
        settings = tiny.model(kind).training
        assert settings is not None
        asked = settings.model_copy(update={"augment": ["flip", KINDS[kind].forbidden]})
        with pytest.raises(BrightfieldError) as caught:
            task.learning.dataset(tiny.records(kind, 2), asked)
        assert f"Augmentation {KINDS[kind].forbidden} " in str(caught.value)
        assert f"Allowed: {', '.join(sorted(task.learning.augmentations))}." in str(caught.value)

    def test_every_augmentation_allowed_gives_samples_of_one_shape(self, kind: str) -> None:
        task = task_of(kind)
        settings = tiny.model(kind).training
        assert settings is not None
        asked = settings.model_copy(update={"augment": sorted(task.learning.augmentations)})
        plain, varied = (
            task.learning.dataset(tiny.records(kind, 2)),
            task.learning.dataset(tiny.records(kind, 2), asked),
        )
        rng = np.random.default_rng(1)
        for i in range(2):
            whole = plain.cut([i] * 8, rng)
            drawn = varied.varied(varied.cut([i] * 8, rng), rng)
            assert not torch.equal(drawn.images, whole.images)
            assert drawn.images.shape == whole.images.shape
            assert drawn.targets.shape == whole.targets.shape
            assert drawn.images.dtype == torch.float32
            assert drawn.targets.dtype == whole.targets.dtype
            assert torch.isfinite(drawn.images).all()

    def test_a_record_without_truth_is_refused_by_its_name(self, kind: str) -> None:
        """Where a task can do without truth, by a training that asks for it."""
        learning, record = task_of(kind).learning, tiny.records(kind, 1)[0]
        alone = Record("lonely", "g", record.image)
        able = KINDS[kind].settings.learns_without_truth
        with pytest.raises(BrightfieldError, match="lonely"):
            learning.dataset([alone], params.Training(epochs=1)) if able else learning.truth(alone)
