"""The images that the paths of ``brightfield predict`` mean: a folder that an import takes means its images without their truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brightfield import images, params
from brightfield.data.importing import IMPORTERS
from brightfield.data.importing.inputs import Inputs


def given(task: str, paths: Sequence[Path]) -> Inputs:
    """The images of paths, and the truth that lies beside those of the only path.

    A folder with a layout that `brightfield import` takes for the task stands for the images in it; any other for its own images.

    Args:
        task: the task's name in params.yaml.
        paths: images, stacks or folders.

    Raises:
        BrightfieldError: an unknown task, a folder without images, or one that may mean several things.
    """
    entry = params.entry(params.load().tasks, task, "task")
    layout_of = IMPORTERS[entry.kind].inputs
    found: list[Inputs] = []
    for path in map(Path, paths):
        is_folder = path.is_dir() and not images.is_file(path)
        inside = layout_of(path, entry.settings) if layout_of and is_folder else None
        found.append(inside or Inputs(images.list_images([path])))
    return Inputs(
        images.Listing(
            tuple(path for each in found for path in each.listing.taken),
            {path: why for each in found for path, why in each.listing.passed_over.items()},
            tuple(top for each in found for top in each.listing.tops),
        ),
        {path: name for each in found for path, name in each.names.items()},
        found[0].truth if len(found) == 1 else None,
    )
