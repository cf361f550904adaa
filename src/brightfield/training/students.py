"""Entries of ``params.yaml`` for networks that learn the answers of a better model."""

from __future__ import annotations

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.params import editing

SUFFIX = "-distilled"


def add(task: str, reference: str, model: str, name: str | None = None) -> tuple[str, registry.Version]:
    """Add the entry of a model once more, as one that learns from a version of the registry beside the truth.

    Args:
        task: name of the task.
        reference: the teacher: an alias, a version's number or a model's name (its newest version).
        model: an entry of ``models``, whose network and training the student has.
        name: of the student; None: ``<model>-distilled``.

    Returns:
        The name of the student, and the version that teaches.

    Raises:
        BrightfieldError: there is no such version or model, the model is no network of the task, or the name is taken.
    """
    settings = params.load()
    params.entry(settings.tasks, task, "task")
    entry = params.entry(settings.models, model, "model")
    if entry.task != task or entry.is_baseline:
        what = f"of task {entry.task!r}" if entry.task != task else "a classical baseline"
        raise BrightfieldError(f"{model!r} is {what}: expected a network of task {task!r} as the student.")
    teacher = registry.find(task, reference)
    content = params.read_yaml(params.PARAMS)["models"][model]
    student = name or f"{model}{SUFFIX}"
    content["training"] = {**content["training"], "distil_from": str(teacher.number)}
    editing.add_entry("models", student, content)
    return student, teacher
