"""Crops in class folders: ``good/x.png``, ``bad/y.png``; folders inside them name the kind of good or bad.

A folder from ``brightfield predict --sort`` has this layout, with a table, a contact sheet and ``unsure/`` beside the classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from brightfield import images
from brightfield.data.importing.checks import Importer, Part, Request
from brightfield.data.importing.layouts import SORTED, UNSURE, crops_in_classes
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings

GROUP = r"^(?P<group>[^_]+)_"
GROUP_RULE = "the name up to its first underscore"


def parts(request: Request) -> list[Part]:
    """One part for each crop. Raises BrightfieldError if the folders are not the classes of the task."""
    settings = cast(ClassificationSettings, request.settings)
    folders, loose = request.children(request.source, also=lambda path: path.name == SORTED)
    if (request.source / SORTED).is_file():
        folders = _without_unsure(request, settings, folders)
    found = [folder.name for folder in folders]
    if set(found) != set(settings.classes):
        hint = f" and {len(loose)} images beside them" if loose else ""
        raise BrightfieldError(
            f"{request.source} has the folders {', '.join(found) or 'none'}{hint}, expected one for each class: "
            f"{', '.join(settings.classes)}. Rename the folders, or the task's classes in params.yaml."
        )
    for path in loose:
        request.leave_out(path, "in no class folder")
    crops = [(folder, path) for folder in folders for path in _below(request, folder)]
    nested = any(path.parent != folder for folder, path in crops)
    made = [_part(request, settings, folder, path, nested) for folder, path in crops]
    for folder in folders:
        if not any(folder == where for where, _ in crops):
            request.findings.problem(f"{folder.name} has no images, expected crops of the class {folder.name}")
    return made


def _without_unsure(request: Request, settings: ClassificationSettings, folders: list[Path]) -> list[Path]:
    """The class folders of a sorted folder; warns that its labels are predictions, and how many images have none."""
    request.findings.note(
        f"the labels are a model's predictions ({SORTED}): they are only as good as your check of them"
    )
    unsure = [path for folder in folders if folder.name == UNSURE for path in _below(request, folder)]
    request.findings.left_out.update(dict.fromkeys(unsure, f"in {UNSURE}/"))
    if left_out := len(unsure):
        request.findings.note(
            f"{left_out} images in {UNSURE}/ have no label yet and were left out: move each into "
            f"{'/ or '.join(settings.classes)}/, delete those without an object, and import again; they are the hardest, and "
            "scores without them are too good"
        )
    return [folder for folder in folders if folder.name != UNSURE]


def _below(request: Request, folder: Path) -> Iterator[Path]:
    folders, files = request.children(folder)
    request.once(files)
    yield from files
    for inner in folders:
        yield from _below(request, inner)


def _part(request: Request, settings: ClassificationSettings, folder: Path, path: Path, nested: bool) -> Part:
    relative = request.relative(path)
    row: dict[str, object] = {"label": settings.classes.index(folder.name)}
    if nested:
        row["kind"] = path.parent.relative_to(folder).as_posix() if path.parent != folder else folder.name
    group = request.group(images.stem(path), relative, GROUP, GROUP_RULE)
    identity = request.new_id(relative.removesuffix(path.suffix))

    def records() -> Iterator[Record]:
        yield Record(identity, group, _crop(path, relative, settings.channels), {}, row)

    return Part(relative, (path,), records, counts=lambda _: {folder.name: 1})


def _crop(path: Path, relative: str, channels: int) -> images.Image:
    image = images.read(path)
    found = 1 if image.ndim == 2 else 3
    if found == 3 and channels == 1 and (image == image[..., :1]).all():
        return images.to_grey(image)
    if found != channels:
        kinds = {1: "grey (1 channel)", 3: "in colour (3 channels)"}
        raise BrightfieldError(f"{relative} is {kinds[found]}, expected images {kinds[channels]}: the task's channels.")
    return image


IMPORTER = Importer(parts, inputs=crops_in_classes)
