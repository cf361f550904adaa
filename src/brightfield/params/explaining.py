"""What pydantic found wrong, in the words of ``params.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from brightfield.params.base import RENAMED, REPLACED, Section, did_you_mean, unknown

OF_A_TASK = {"datasets", "models", "ensembles"}  # sections whose entries name a task, which says of which kind they are


def kinds_of_tasks(content: Any) -> dict[str, str]:
    """The kind of every task in the contents of a ``params.yaml``; what is wrong with others is found elsewhere."""
    tasks = content.get("tasks") if isinstance(content, Mapping) else None
    entries = tasks.items() if isinstance(tasks, Mapping) else ()
    return {
        name: task["kind"] for name, task in entries if isinstance(task, Mapping) and isinstance(task.get("kind"), str)
    }


def explain(problem: dict[str, Any], content: Mapping[str, Any], section: type[Section]) -> list[str]:
    """One problem that pydantic found in the ``content`` of a section, as lines of 'dotted.path: what came, what was expected'."""
    path = _dotted(problem["loc"], content)
    kind, came = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        allowed = _allowed(problem["loc"], content, section)
        if path in REPLACED:
            return [f"{path}: {REPLACED[path]}."]
        last = path.rsplit(".", 1)[-1]
        if RENAMED.get(last) in allowed:
            return [f"{path}: {last!r} is called {RENAMED[last]!r} now. Rename the key; its values are the same."]
        return [f"{path}: unknown key.{did_you_mean(last, allowed)} Allowed: {', '.join(allowed)}."]
    if kind == "missing":
        implied = problem["loc"][0] in OF_A_TASK and problem["loc"][2:] == ("kind",)
        return _without_kind(path.removesuffix(".kind"), came, content) if implied else [f"{path}: missing"]
    if kind == "union_tag_invalid":
        tag = problem["ctx"]["discriminator"].strip("'")
        return [f"{path}.{tag}: expected one of {problem['ctx']['expected_tags']}, got {problem['ctx']['tag']!r}"]
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return [f"{path}: {line}" if path else line for line in message.splitlines()]
    return [f"{path}: {message[0].lower()}{message[1:]}, got {came!r}"]


def _without_kind(path: str, entry: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """Why an entry got no kind: it names no task that there is. Anything else that is wrong with either is a problem of its own."""
    task, tasks = entry.get("task"), content.get("tasks")
    if not isinstance(task, str) or not isinstance(tasks, Mapping) or task in tasks:
        return []
    return [f"{path}.task: {unknown('task', task, tasks)}"]


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


def _allowed(loc: tuple[int | str, ...], content: Any, section: type[Section]) -> list[str]:
    """The keys of the section that refused one: found by following the models along the location, from the outermost one."""
    model: Any = section
    here = content
    for key in loc[:-1]:
        model = _inside(model, key, here)
        here = here[key] if isinstance(here, Mapping) and key in here else here  # a tag is no key
    return sorted(model.model_fields)


def _inside(annotation: Any, key: int | str, content: Any) -> Any:
    """What an annotation holds under a key of a location: a field, an entry of a mapping, or the tagged one of a union."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        found = annotation.annotation_of(str(key), content)
    elif get_origin(annotation) is dict:
        found = get_args(annotation)[1]
    else:  # a union of sections, distinguished by a literal
        found = next(section for section in get_args(annotation) if key in _tags(section))
    if get_origin(found) is Annotated:
        found = get_args(found)[0]
    if type(None) in get_args(found):  # an optional section is that section
        found = get_args(found)[0]
    return found


def _tags(section: type[Section]) -> list[str]:
    literals = [field.annotation for field in section.model_fields.values() if get_origin(field.annotation) is Literal]
    return [value for literal in literals for value in get_args(literal)]
