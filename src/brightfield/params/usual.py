"""What tuning tries of a model for which ``params.yaml`` names nothing: what most often matters, around what its entry has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, get_args

from brightfield.params.models import SCALED_AUGMENTATIONS, Model, Training
from brightfield.params.networks import (
    ConvNet,
    Correlation,
    Features,
    NonLocalMeans,
    Regression,
    Smp,
    Transfer,
    UNet,
    UNetPair,
    Watershed,
    Wavelet,
)
from brightfield.params.spaces import Choice, Label, Search, Space, content_of, label
from brightfield.params.tasks import SETTINGS, TaskSettings

MOST_PATHS = 8  # more dilute a few dozen trials
RATES = 5.0  # as many times less and more than the entry's learning rate
DECAYS = 10.0  # the same of weight decay
REGULARISATIONS = 100.0  # the same of the strength of a logistic regression
MOST_DROPOUT = 0.6
MOST_DICE = 3.0
MOST_CENTRED = 0.8
DEPTHS = (2, 7)
LEVELS = (2, 6)  # of a network that regresses positions
KERNELS_PX: list[Choice] = [3, 5]
LEAST_BACKBONE_RATE = 0.03
MORE_BLOCKS = 3  # of a backbone, than the entry's, or fewer
AVERAGING = 0.98  # decay of the mean of weights
# each is built without a network, and by every architecture of segmentation-models-pytorch that can be used; 5, 4 and 14 million
# weights in a U-Net
ENCODERS = ("tu-tf_efficientnet_lite0", "tu-mobilenetv3_small_100", "tu-resnet18")


def usual(model: Model, settings: TaskSettings | None = None) -> Space:
    """At most ``MOST_PATHS`` paths, those that matter most first; every end and choice is taken by the entry.

    Of a network that begins with the weights of another, its shape stays. Of a baseline whose numbers are all chosen on its
    training images there is nothing to try.

    Args:
        model: the entry.
        settings: as this model answers the task; by default those of its kind.
    """
    own = content_of(model, settings)["settings"]
    of_network = OF_NETWORK.get(type(model.network), _nothing)(model.network, model, own)
    if model.training is None:
        return of_network
    if model.training.init_from is not None:
        able = {f"network.{key}" for key in model.network.keeps_shape}
        of_network = {
            path: search for path, search in of_network.items() if path in able or path.startswith("training.")
        }
    rate = _factors(model.training.learning_rate, RATES)
    space = {"training.learning_rate": rate, **of_network, **_of_training(model, model.training)}
    return dict(islice(space.items(), MOST_PATHS))


def _of_training(model: Model, training: Training) -> Space:
    """What every network may have, that which matters most first."""
    space: Space = {}
    options = SETTINGS[model.kind].model_options
    if "training.dice" in options:
        space["training.dice"] = Search(low=0.0, high=max(MOST_DICE, training.dice))
    if "training.centred" in options and training.patch_px is not None:
        space["training.centred"] = Search(low=0.0, high=max(MOST_CENTRED, training.centred))
    if SCALED_AUGMENTATIONS & set(training.augment):
        own = training.augment_strength
        space["training.augment_strength"] = Search(low=min(0.3, own) or 0.3, high=max(2.0, own), log=True)
    if training.init_from is not None:  # little data, and weights that are good already
        own = training.weight_decay
        space["training.weight_decay"] = Search(low=min(1e-5, own or 1e-5), high=max(0.1, own), log=True)
    elif training.weight_decay > 0:
        space["training.weight_decay"] = _factors(training.weight_decay, DECAYS)
    size = training.batch_size
    space["training.batch_size"] = Search(choices=[*sorted({max(2, size // 2), size, 2 * size})])
    if isinstance(model.network, ConvNet | Regression):
        space["training.optimizer"] = Search(choices=["adamw", "rmsprop"])
    averaged: list[Choice] = [None, AVERAGING]
    space["training.ema"] = Search(choices=averaged if training.ema in averaged else [training.ema, *averaged])
    return space


# --- networks -------------------------------------------------------------------------------------------------------------


def _convnet(network: ConvNet, model: Model, settings: Mapping[str, Any]) -> Space:
    size = settings.get("size_px")
    deepest = [*network.filters, network.filters[-1]]
    longest = len(deepest) if size is None or ConvNet.remaining_px(size, len(deepest)) >= 1 else len(network.filters)
    return {
        "network.filters": _widths(network.filters, 2, longest),
        "network.dropout": Search(low=0.0, high=max(MOST_DROPOUT, network.dropout)),
    }


def _unet(network: UNet | UNetPair, model: Model, settings: Mapping[str, Any]) -> Space:
    own = network.depth
    shallowest, deepest = max(DEPTHS[0], own - 1), own + 1
    if deepest > DEPTHS[1] or not _divides(2 ** (deepest - 1), model.training):
        deepest = own
    space = {"network.depth": Search(low=shallowest, high=deepest)} if shallowest < deepest else {}
    step = max(1, network.filters // 4)
    filters = Search(low=max(1, network.filters - 2 * step), high=network.filters + 2 * step, step=step)
    kernels = KERNELS_PX if network.kernel_px in KERNELS_PX else [*KERNELS_PX, network.kernel_px]
    return {**space, "network.filters": filters, "network.kernel_px": Search(choices=kernels)}


def _regression(network: Regression, model: Model, settings: Mapping[str, Any]) -> Space:
    own = len(network.filters)
    longest = own + 1 if own < LEVELS[1] and _divides(2**own, model.training) else own
    return {"network.filters": _widths(network.filters, LEVELS[0], longest)}


def _smp(network: Smp, model: Model, settings: Mapping[str, Any]) -> Space:
    if network.weights != "none":  # they are those of one encoder
        return {"training.backbone_rate": _backbone_rate(model.training)}
    return {"network.encoder": Search(choices=[*dict.fromkeys((network.encoder, *ENCODERS))])}


def _transfer(network: Transfer, model: Model, settings: Mapping[str, Any]) -> Space:
    space: Space = {}
    if network.unfreeze != 0:  # else the features of the backbone are computed once
        space["training.backbone_rate"] = _backbone_rate(model.training)
    if isinstance(network.unfreeze, int) and network.unfreeze > 0:
        most = min(network.unfreeze + MORE_BLOCKS, network.blocks)
        space["network.unfreeze"] = Search(low=max(1, network.unfreeze - MORE_BLOCKS), high=most)
    return {**space, "network.dropout": Search(low=0.0, high=max(MOST_DROPOUT, network.dropout))}


# --- baselines ------------------------------------------------------------------------------------------------------------


def _features(network: Features, model: Model, settings: Mapping[str, Any]) -> Space:
    return {"network.regularisation": _factors(network.regularisation, REGULARISATIONS)}


def _correlation(network: Correlation, model: Model, settings: Mapping[str, Any]) -> Space:
    space = {"network.template_px": _odd(network.template_px, least=5)}
    if "threshold" in SETTINGS[model.kind].tunable:
        own = settings["threshold"]
        space["settings.threshold"] = Search(low=min(0.1, own), high=max(0.9, own))
    return space


def _watershed(network: Watershed, model: Model, settings: Mapping[str, Any]) -> Space:
    sigma = Search(low=0.0, high=max(3.0, 2 * network.sigma_px))
    return {"network.sigma_px": sigma, "network.window_px": _odd(network.window_px, least=3)}


def _nonlocal_means(network: NonLocalMeans, model: Model, settings: Mapping[str, Any]) -> Space:
    distance = Search(low=max(1, network.distance_px // 2), high=2 * network.distance_px)
    return {"network.patch_px": _odd(network.patch_px, least=3), "network.distance_px": distance}


def _wavelet(network: Wavelet, model: Model, settings: Mapping[str, Any]) -> Space:
    names = get_args(Wavelet.model_fields["wavelet"].annotation)
    return {
        "network.wavelet": Search(choices=[*names]),
        "network.levels": Search(low=max(1, network.levels - 2), high=min(8, network.levels + 2)),
        "network.shifts_px": Search(low=max(0, network.shifts_px - 2), high=min(16, network.shifts_px + 2)),
    }


def _nothing(network: Any, model: Model, settings: Mapping[str, Any]) -> Space:
    return {}


# what is tried of each architecture, that which matters most first: of its section, its entry, and the settings of its task
OF_NETWORK: dict[type, Callable[[Any, Model, Mapping[str, Any]], Space]] = {
    ConvNet: _convnet,
    UNet: _unet,
    UNetPair: _unet,
    Regression: _regression,
    Smp: _smp,
    Transfer: _transfer,
    Features: _features,
    Correlation: _correlation,
    Watershed: _watershed,
    NonLocalMeans: _nonlocal_means,
    Wavelet: _wavelet,
}


# --- ranges ---------------------------------------------------------------------------------------------------------------


def _backbone_rate(training: Training | None) -> Search:
    own = training.backbone_rate if training is not None else 1.0
    return Search(low=min(LEAST_BACKBONE_RATE, own / 2), high=1.0, log=True)


def _factors(own: float, times: float) -> Search:
    """So many times less and more, by factors."""
    return Search(low=_short(own / times), high=_short(own * times), log=True)


def _odd(own: int, least: int) -> Search:
    """Half less to half more of a side in pixels, in steps of 2: a window has a middle pixel."""
    half = max(2, own // 4 * 2)
    low = own - half
    while low < least:
        low += 2
    return Search(low=low, high=own + half, step=2)


def _widths(filters: list[int], shortest: int, longest: int) -> Search:
    """Filters of each level: as they are, fewer or more levels, and half as many or half as many again of each."""
    tried = [filters]
    if len(filters) > shortest:
        tried.append(filters[:-1])
    if len(filters) < longest:
        tried.append([*filters, filters[-1]])
    tried += [[max(1, each // 2) for each in filters], [each + (each + 1) // 2 for each in filters]]
    by_label: dict[Label, Choice] = {label([*each]): [*each] for each in tried}  # few filters may be alike
    return Search(choices=[*by_label.values()])


def _divides(multiple_px: int, training: Training | None) -> bool:
    """Whether patches are a multiple of the coarsest pixel; of whole images that is not known here."""
    return training is not None and training.patch_px is not None and training.patch_px % multiple_px == 0


def _short(value: float) -> float:
    """Three digits, which is how people write a rate."""
    return float(f"{value:.3g}")
