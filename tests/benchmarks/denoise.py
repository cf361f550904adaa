"""How well images are restored at three levels of light: simulated ones, and real nuclei with the noise of a camera added.

Every network here is trained in minutes, on simulated pairs unless its row says otherwise: ``supervised`` answers all flips and
quarter turns of an image, whose mean counts; ``self-supervised`` never sees a clean image, and of real images learns from the very
noisy ones that it then restores. Parameters of the classical baselines are chosen on the simulated training images.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from claims import Claim, TextRow

from brightfield import images, params, tasks, training
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.inference import activations
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.device import start_device
from brightfield.inference.predictor import Predictor
from brightfield.metrics import restoration
from brightfield.params import DenoiseSimulation
from brightfield.results import Picture
from brightfield.simulate import simulate
from brightfield.simulate.optics import Camera

LEVELS = (5.0, 15.0, 45.0)  # electrons at the 99.5th percentile
MIDDLE = LEVELS[1]
TRAINING_IMAGES, WATCHED, TEST_IMAGES = 64, 8, 12
CLASSICAL = {"non-local means": "nonlocal_means", "wavelets": "wavelet", "total variation": "total_variation"}
COMPUTE = params.Compute(threads=2)
REAL = "BRIGHTFIELD_REAL_DATA"
OVER_NOISY_DB, OVER_CLASSICAL_DB = 6.0, 1.5
SEAM = 1e-4  # in standard deviations of the image
UNET = {"architecture": "unet", "filters": 16, "depth": 3}
NETWORKS: dict[str, dict[str, Any]] = {
    "supervised": {"network": {**UNET, "residual": True}, "training": {}, "test_time_augmentation": 8},
    "probabilistic": {"network": {**UNET, "residual": True, "probabilistic": True}, "training": {}},
    "self-supervised": {"network": UNET, "training": {"blind_spots": True}},
}
TRAINING = {
    "epochs": 8,
    "steps_per_epoch": 75,
    "batch_size": 8,
    "patch_px": 96,
    "learning_rate": 0.003,
    "augment": ["flip"],
}
MOST_MINUTES = 25
Row = Claim | TextRow
FolderPrediction = Callable[[list[Record]], list[Picture]]


@dataclass(frozen=True)
class Scored:
    """One method at one level of light."""

    table: pd.DataFrame

    @property
    def metrics(self) -> dict[str, float]:
        """Pooled over images."""
        return restoration.summarise(self.table)

    def words(self) -> str:
        """The figures in one line."""
        m = self.metrics
        return (
            f"{m['psnr_db']:.2f} dB, fitted {m['psnr_affine_db']:.2f} dB, SSIM {m['ssim']:.3f}, "
            f"lost {m['lost_percent']:.1f}% ({m['lost_area_percent']:.1f}% of area), "
            f"invented {m['invented_percent']:.1f}% ({m['invented_area_percent']:.1f}%)"
        )


def rows() -> Iterator[Row]:
    """Simulated, then real images: the noisy image, classical methods, networks; calibration; the seam of tiles."""
    begun = time.perf_counter()
    learnt = _simulated((4.0, 60.0), TRAINING_IMAGES + WATCHED, seed=100)
    train, watched = learnt[:TRAINING_IMAGES], learnt[TRAINING_IMAGES:]
    methods: dict[str, FolderPrediction] = {
        "noisy": lambda records: [Picture(r.image.astype(np.float32)) for r in records]
    }
    for name, architecture in CLASSICAL.items():
        methods[name] = _fitted({"network": {"architecture": architecture}}, train, watched)
    for name, entry in NETWORKS.items():
        methods[name] = _fitted(entry, train, watched)
    test = {peak: _simulated((peak, peak), TEST_IMAGES, seed=200) for peak in LEVELS}
    yield from _compared("simulated", methods, test)
    if (folder := os.environ.get(REAL)) is None:
        yield ("real nuclei", f"left out: {REAL} is not set", "")
    else:
        yield from _real(Path(folder) / "denoise/clean", methods)
    yield from _seams()
    yield Claim("all of it", (time.perf_counter() - begun) / 60, "min", aim=MOST_MINUTES)


def _real(folder: Path, methods: dict[str, FolderPrediction]) -> Iterator[Row]:
    """Half of the images is for the test; the other half teaches the one network whose row says so."""
    clean = [images.read(path).astype(np.float64) for path in sorted(folder.iterdir())]
    if not clean:
        raise BrightfieldError(f"{folder} has no images.")
    rng = np.random.default_rng(300)
    test = {peak: [_photographed(scene, peak, i, rng) for i, scene in enumerate(clean[::2])] for peak in LEVELS}
    peaks = np.exp(rng.uniform(np.log(4), np.log(60), len(clean[1::2])))
    others = [
        _photographed(scene, float(peak), i, rng)
        for i, (scene, peak) in enumerate(zip(clean[1::2], peaks, strict=True))
    ]
    noisy = [record for records in test.values() for record in records]
    methods = {
        **methods,
        "self-supervised": _fitted(NETWORKS["self-supervised"], noisy, noisy[:2]),
        "supervised, on other real images": _fitted(NETWORKS["supervised"], others[2:], others[:2]),
    }
    yield from _compared("real nuclei", methods, test)


def _compared(data: str, methods: dict[str, FolderPrediction], test: dict[float, list[Record]]) -> Iterator[Row]:
    for peak, records in test.items():
        scored = {name: _score(answer, records) for name, answer in methods.items()}
        psnr = {name: found.metrics["psnr_db"] for name, found in scored.items()}
        best = max(CLASSICAL, key=psnr.__getitem__)
        for name, found in scored.items():
            yield (f"{data}, {peak:g} electrons: {name}", found.words(), "")
        for name in methods:
            if name == "noisy" or name in CLASSICAL:
                continue
            least = 0.0 if name.startswith("self") else OVER_CLASSICAL_DB
            for peer, label, aim in (
                ("noisy", "the noisy image", OVER_NOISY_DB),
                (best, f"{best}, the best classical", least),
            ):
                gain = psnr[name] - psnr[peer]
                yield Claim(
                    f"{data}, {peak:g} electrons: PSNR of {name} over the peer's",
                    gain,
                    "dB",
                    aim=aim if peak == MIDDLE else None,
                    better="higher",
                    against=label,
                    shown=f"{gain:+.2f} dB",
                )
        m = scored["probabilistic"].metrics
        shares = (
            f"{m['within_1_deviation']:.3f} and {m['within_2_deviations']:.3f}, mean squared z {m['squared_z']:.2f}, "
            f"intervals off by {m['interval_error']:.3f}"
        )
        yield (f"{data}, {peak:g} electrons: pixels within 1 and 2 deviations", shares, "0.683 and 0.954, 1")


def _fitted(entry: dict[str, Any], train: Sequence[Record], watched: Sequence[Record]) -> FolderPrediction:
    """A model as ``params.yaml`` would have it, fitted."""
    content = {"task": "denoise", "kind": "restoration", "dataset": "denoise", **entry}
    if "training" in entry:
        content["training"] = {**TRAINING, **entry["training"]}
    model = params.parse_model(content, "benchmark")
    task = tasks.build("restoration", params.RestorationSettings())
    some: Any = list(train)
    others: Any = list(watched)
    fitted = training.fit(task, model, some, others, COMPUTE)
    calibrated = tasks.build("restoration", fitted.settings)
    predictor = Predictor([Member(Bundle("m", "denoise", calibrated, model, fitted.network, {}), 1.0)], COMPUTE)
    return lambda records: [
        answer for r in records for answer in predictor.predict([r.image]) if isinstance(answer, Picture)
    ]


def _score(answer: FolderPrediction, records: list[Record]) -> Scored:
    pairs = zip(answer(records), records, strict=True)
    return Scored(pd.DataFrame([restoration.statistics(a, Picture(r.fields["clean"])) for a, r in pairs]))


def _simulated(peak: tuple[float, float], count: int, seed: int) -> list[Record]:
    return list(
        simulate(DenoiseSimulation(simulator="denoise", images=count, size_px=192, peak_electrons=peak, seed=seed))
    )


def _photographed(scene: np.ndarray, peak: float, number: int, rng: np.random.Generator) -> Record:
    """A real image as the simulator's camera would have seen it; its darkest pixel is taken for no light."""
    dark = float(scene.min())
    electrons = peak * (scene - dark) / (float(np.percentile(scene, 99.5)) - dark)
    camera = Camera(electrons_per_count=0.3, read_noise=1.6, row_noise=0.1)
    clean = camera.expected_counts(electrons).astype(np.float32)
    return Record(f"nuclei{number}-{peak:.0f}", f"nuclei{number}", camera.expose(electrons, rng), {"clean": clean})


def _seams() -> Iterator[Row]:
    """The largest difference between an answer by tiles and one in a piece, of a network that a few steps have shaped."""
    task = tasks.build("restoration", params.RestorationSettings())
    entry: dict[str, Any] = {"task": "denoise", "kind": "restoration", "dataset": "denoise"}
    large = _simulated((15.0, 15.0), 3, seed=400)
    few: Any = large
    image = np.pad(large[0].image, ((0, 1009), (0, 1141)), mode="reflect")
    for depth in (3, 4):
        network = {**UNET, "depth": depth, "residual": True}
        model = params.parse_model(
            {**entry, "network": network, "training": {**TRAINING, "epochs": 1, "steps_per_epoch": 20}}, ""
        )
        fitted = training.fit(task, model, few, few, COMPUTE)
        for precision in ("float32", "bfloat16"):
            device = start_device(params.Compute(threads=2, precision=precision))
            answers = []
            for side in (4096, 512):
                usual, activations.TILE_PX = activations.TILE_PX, side
                try:
                    encoded = [task.learning.encode(image)]
                    answers.append(activations.activations(task, fitted.network, encoded, device)[0])
                finally:
                    activations.TILE_PX = usual
            seam = float(np.abs(answers[0] - answers[1]).max())
            what = f"seam of tiles of 512 px, {image.shape[0]}x{image.shape[1]} px, depth {depth}, {precision}"
            yield Claim(what, seam, "standard deviations", aim=SEAM)
