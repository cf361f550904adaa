"""Five troubles, one at a time: classical, hybrid and regressed positions beside magtrack and trackpy, on the same windows.

A U-Net and a plain convolutional network are trained here on windows of all troubles, none of which is tested on; the plain one,
which answers x and y at once, is the negative example. Of the hybrid each piece is left out once: the fit to the pixels, the image
of beads alone, neighbours and debris found in what the fit leaves, the offset of the camera, and the network itself. The hybrid
answers enough windows to know whether it jumps less than once in 10,000, the others some of them. Windows, peers: see ``beads``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from claims import Claim
from torch.nn import functional as F

from beads import JUMP_PX, Locate, Real, Row, best_trackpy, classical, error_and_jumps, magtrack_whole
from brightfield import architectures, images, params, training
from brightfield.beads.localisation.hybrid import refine_frames
from brightfield.beads.localisation.joint_fit import fit_jointly
from brightfield.data.records import Record
from brightfield.inference import activations
from brightfield.inference.device import start_device
from brightfield.simulate.beads.troubles import OFFSET, SIZE_PX, TROUBLES, Windows, simulate_windows
from brightfield.tasks.tracking import Tracking

PROVEN, WINDOWS, LEFT_OUT, TO_TRACKPY = 5000, 400, 100, 120  # of each trouble
ERROR_AIM, JUMPS_AIM = 2.0, 1.0  # over the bound; in 10,000
SURE = 3.0  # jumps of a method that jumped in none of n windows are under 3 in n, with 95% certainty
TRAINED_ON, VALIDATED_ON = 400, 20  # windows of each trouble
STEPS, BATCH = 1000, 32  # of the plain network; it is small
MIDDLE = (SIZE_PX - 1) / 2
COMPUTE = params.Compute(threads=1, device="cpu")
Pixels = npt.NDArray[Any]


def rows() -> Iterator[Row]:
    """How each was trained, then each trouble, then all of them."""
    warnings.filterwarnings("ignore", module="trackpy")  # that a window has no feature: such windows are counted here
    lessons = {
        name: simulate_windows(name, TRAINED_ON, np.random.default_rng([1, k])) for k, name in enumerate(TROUBLES)
    }
    begun = time.perf_counter()
    finder = Finder(lessons)
    yield ("hybrid: U-Net, minutes of training on one core", f"{(time.perf_counter() - begun) / 60:.1f}", "")
    begun = time.perf_counter()
    regress = regression(lessons)
    yield ("regression: minutes of training on one core", f"{(time.perf_counter() - begun) / 60:.1f}", "")
    jumped = 0
    for k, trouble in enumerate(TROUBLES):
        truth = simulate_windows(trouble, PROVEN, np.random.default_rng([2, k]))
        begun = time.perf_counter()
        found = finder.refined(truth.pixels)
        took = (time.perf_counter() - begun) / PROVEN
        jumped += int((np.hypot(*(found - truth.positions).T) > JUMP_PX).sum())
        yield (f"{trouble}: hybrid, time of a window", f"{1e3 * took:.0f} ms", "")
        error, jumps = error_and_jumps(found, truth)
        yield Claim(f"{trouble}: RMSE over the bound, hybrid", error, "times", aim=ERROR_AIM)
        yield Claim(f"{trouble}: jumps of the hybrid in {PROVEN} windows", round(jumps * PROVEN / 1e4), aim=0)
        yield from _compared(trouble, truth, error, _others(trouble, truth, finder, regress))
    seen = PROVEN * len(TROUBLES)
    most = f", under {1e4 * SURE / seen:.1f} in 10,000 with 95% certainty" if not jumped else ""
    what = f"jumps of the hybrid per 10,000, in {seen} windows of all troubles"
    yield Claim(what, 1e4 * jumped / seen, aim=JUMPS_AIM, shown=f"{jumped} in {seen}{most}")


def _compared(trouble: str, truth: Windows, ours: float, others: Iterator[tuple[str, Locate, int]]) -> Iterator[Row]:
    """The error of the hybrid beside that of each other way, and how often the other way jumps."""
    for label, locate, count in others:
        found = locate(truth.pixels[:count])
        error, jumps = error_and_jumps(found, truth)
        what, shown = f"{trouble}: RMSE over the bound, hybrid", f"{ours:.2f} against {error:.2f} times"
        yield Claim(what, ours, "times", against=label, peer_value=error, shown=shown)
        yield (f"{trouble}: jumps, {label}", f"{round(jumps * len(found) / 1e4)} in {len(found)}", "")


class Finder:
    """A U-Net that finds beads in windows, trained on all troubles as ``brightfield train`` trains it."""

    def __init__(self, lessons: dict[str, Windows]) -> None:
        self.task = Tracking(params.TrackingSettings(hybrid=True))
        model = params.Model(
            task="beads",
            kind="tracking",
            dataset="beads",
            network=params.UNet(architecture="unet", filters=16, depth=4),
            training=params.Training(
                epochs=4, steps_per_epoch=60, batch_size=16, learning_rate=0.004, augment=["flip", "brightness"]
            ),
        )
        self.device = start_device(COMPUTE, 0)
        records = [record for name, windows in lessons.items() for record in _records(name, windows)]
        last = np.arange(len(records)) % TRAINED_ON >= TRAINED_ON - VALIDATED_ON
        train = [record for record, held in zip(records, last, strict=True) if not held]
        validate = [record for record, held in zip(records, last, strict=True) if held]
        self.network = training.fit(self.task, model, train, validate, COMPUTE).network  # type: ignore[arg-type]

    def answers(self, windows: Pixels) -> tuple[Real, Real]:
        """Of the bead nearest to the middle of each window: by the heat map, by the image of beads alone; (N, 2) each.

        Where the heat map shows no bead both places are the middle.
        """
        encoded = [self.task.learning.encode(window) for window in windows]
        activated = activations.activations(self.task, self.network, encoded, self.device)
        places = np.full((2, len(windows), 2), MIDDLE)
        ways = (Tracking(params.TrackingSettings()).answering, self.task.answering)
        for k, (maps, each) in enumerate(zip(activated, encoded, strict=True)):
            for row, beads in enumerate(way.decode_fast(maps, each) for way in ways):
                if len(beads.positions):
                    places[row, k] = beads.positions[np.hypot(*(beads.positions - MIDDLE).T).argmin()]
        return places[0], places[1]

    def refined(self, windows: Pixels) -> Real:
        """Fitted to the pixels with whatever else is in the window."""
        return fitted(windows, self.answers(windows)[1])

    def weighted(self, windows: Pixels) -> Real:
        """Fitted with robust weights as if the bead were alone: no neighbour and no debris is looked for."""
        alone = self.answers(windows)[1]
        return np.array(
            [fit_jointly(one, at, camera_offset=OFFSET).positions[0] for one, at in zip(windows, alone, strict=True)]
        )


def fitted(windows: Pixels, starts: Real, camera_offset: float | None = OFFSET) -> Real:
    """Each window by a profile of its own, with neighbours and without debris: the way of ``refine: true``."""
    refined = refine_frames(list(windows), list(starts[:, None]), camera_offset=camera_offset)
    return np.array([positions[0] for positions, _ in refined])


def regression(lessons: dict[str, Windows]) -> Locate:
    """The negative example: a plain convolutional network that answers x and y, with nothing of how beads look in it."""
    torch.manual_seed(0)
    layers = params.ConvNet(
        architecture="convnet", filters=[32, 64, 96, 128], dense=[256, 128], dropout=0.0, batch_norm=True
    )
    network = architectures.build(layers, architectures.Shape(1, 2, size_px=SIZE_PX))
    pixels = torch.cat([_normalised(windows.pixels) for windows in lessons.values()])
    places = np.concatenate([windows.positions for windows in lessons.values()])
    targets = torch.from_numpy(places - MIDDLE).float()
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=STEPS)
    draws = np.random.default_rng(0)
    for _ in range(STEPS):
        chosen = torch.from_numpy(draws.integers(len(pixels), size=BATCH))
        image, target = pixels[chosen], targets[chosen]
        for axis in (0, 1):  # a mirrored window has a mirrored answer
            if draws.random() < 0.5:
                image, target = image.flip(3 - axis), target * torch.tensor([1 - 2 * (axis == 0), 1 - 2 * (axis == 1)])
        loss = F.mse_loss(network(image), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    network.eval()

    def locate(windows: Pixels) -> Real:
        with torch.inference_mode():
            answers = [network(part) for part in _normalised(windows).split(100)]
        return np.asarray(torch.cat(answers).double().numpy() + MIDDLE)

    return locate


def _others(trouble: str, truth: Windows, finder: Finder, regress: Locate) -> Iterator[tuple[str, Locate, int]]:
    name, peer = best_trackpy(truth)
    one_profile = classical(truth.pixels, robust=True)
    yield "classical, one profile for all", one_profile, WINDOWS
    yield "classical, then fitted as the hybrid", lambda windows: fitted(windows, one_profile(windows)), LEFT_OUT
    yield "hybrid without the fit: its heat map", lambda windows: finder.answers(windows)[0], WINDOWS
    yield "hybrid without the fit: its image of beads alone", lambda windows: finder.answers(windows)[1], WINDOWS
    yield (
        "hybrid without the image of beads alone",
        lambda windows: fitted(windows, finder.answers(windows)[0]),
        LEFT_OUT,
    )
    yield "hybrid without neighbours and debris", finder.weighted, LEFT_OUT
    yield (
        "hybrid without the offset of the camera",
        lambda w: fitted(w, finder.answers(w)[1], camera_offset=None),
        LEFT_OUT,
    )
    yield "regression", regress, WINDOWS
    yield "magtrack", magtrack_whole, WINDOWS
    yield name, peer, TO_TRACKPY


def _records(trouble: str, windows: Windows) -> Iterator[Record]:
    for k, pixels in enumerate(windows.pixels):
        truth = {"positions": windows.beads[k], "transmission": windows.transmission[k]}
        yield Record(f"{trouble.replace(' ', '_')}{k}", trouble, pixels, truth)


def _normalised(windows: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.stack([images.normalise(window)[0] for window in windows]))[:, None]
