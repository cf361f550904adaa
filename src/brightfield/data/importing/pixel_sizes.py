"""The pixel size that the files of a source state, beside that of the task and that of the user."""

from __future__ import annotations

from collections import Counter

SAME = 0.02  # relative difference up to which two pixel sizes count as equal: files round them


def of_dataset(stated: Counter[float | None], given_um: float | None) -> float | None:
    """The pixel size of all images: as given, else as all files that state one agree; None where it is unknown or mixed."""
    if given_um is not None:
        return given_um
    sizes = sorted(size for size in stated if size is not None)
    return sizes[0] if sizes and _same(sizes[0], sizes[-1]) else None


def described(stated: Counter[float | None], given_um: float | None) -> str:
    """The pixel size in use and where it comes from, in words; empty where nothing states one."""
    if given_um is not None:
        return f"{given_um:g} um, as given"
    sizes, number = _sizes(stated)
    return f"{_shown(sizes)} um, as {number} of {stated.total()} files state" if sizes else ""


def warnings(stated: Counter[float | None], task_um: float, given_um: float | None) -> list[str]:
    """What contradicts the pixel size in use: the files, each other, or the task.

    Args:
        stated: how many image files state each pixel size, or none.
        task_um: pixel size of the task in params.yaml.
        given_um: pixel size that the user gave.
    """
    sizes, number = _sizes(stated)
    found = []
    if given_um is not None and not all(_same(size, given_um) for size in sizes):
        found.append(
            f"{number} of {stated.total()} files state a pixel size of {_shown(sizes)} um, which {given_um:g} um overrules"
        )
    if given_um is None and sizes and not _same(sizes[0], sizes[-1]):
        found.append("the images have several pixel sizes: import those of each by themselves, or scale them to one")
    used = of_dataset(stated, given_um)
    if used is not None and not _same(used, task_um):
        found.append(
            f"the task expects {task_um:g} um per pixel, these images have {used:.4g} um: a model that trains on both sees "
            f"objects of two sizes. Scale the images by {used / task_um:.3g}, or change pixel_size_um of the task where all its "
            "images have it"
        )
    return found


def _sizes(stated: Counter[float | None]) -> tuple[list[float], int]:
    """The sizes that are stated, in order, and the number of files that state one."""
    sizes = sorted(size for size, number in stated.items() if size is not None and number)
    return sizes, sum(stated[size] for size in sizes)


def _shown(sizes: list[float]) -> str:
    return f"{sizes[0]:.4g}" if _same(sizes[0], sizes[-1]) else f"{sizes[0]:.4g} to {sizes[-1]:.4g}"


def _same(one_um: float, other_um: float) -> bool:
    return abs(one_um - other_um) <= SAME * max(one_um, other_um)
