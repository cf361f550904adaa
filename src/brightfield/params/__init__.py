"""``params.yaml``, validated once: frozen models, unknown keys refused with their dotted path and the names that are allowed.

Every number a user may turn stands in ``params.yaml``; the defaults here are what a key means when it is left out.
"""

from brightfield.params.appearance import BacteriaAppearance, BeadsAppearance, DenoiseAppearance, RbcAppearance
from brightfield.params.base import Kind
from brightfield.params.models import Dataset, Ensemble, Model, Training
from brightfield.params.networks import (
    TRAINABLE,
    ConvNet,
    Correlation,
    Features,
    Network,
    NonLocalMeans,
    Smp,
    TotalVariation,
    Transfer,
    UNet,
    UNetPair,
    Watershed,
    Wavelet,
)
from brightfield.params.reading import (
    PARAMS,
    entry,
    load,
    load_with,
    parse,
    parse_model,
    parse_settings,
    parse_simulation,
    read_yaml,
    with_overrides,
    with_values,
)
from brightfield.params.simulations import (
    BacteriaSimulation,
    BeadsSimulation,
    DenoiseSimulation,
    RbcSimulation,
    Simulation,
    Suite,
)
from brightfield.params.spaces import Search, Space, put
from brightfield.params.tasks import (
    SETTINGS,
    ClassificationSettings,
    RestorationSettings,
    SegmentationSettings,
    TaskSettings,
    TrackingSettings,
)
from brightfield.params.whole import Compute, Evaluation, Params

__all__ = [
    "PARAMS",
    "SETTINGS",
    "TRAINABLE",
    "BacteriaAppearance",
    "BacteriaSimulation",
    "BeadsAppearance",
    "BeadsSimulation",
    "ClassificationSettings",
    "Compute",
    "ConvNet",
    "Correlation",
    "Dataset",
    "DenoiseAppearance",
    "DenoiseSimulation",
    "Ensemble",
    "Evaluation",
    "Features",
    "Kind",
    "Model",
    "Network",
    "NonLocalMeans",
    "Params",
    "RbcAppearance",
    "RbcSimulation",
    "RestorationSettings",
    "Search",
    "SegmentationSettings",
    "Simulation",
    "Smp",
    "Space",
    "Suite",
    "TaskSettings",
    "TotalVariation",
    "TrackingSettings",
    "Training",
    "Transfer",
    "UNet",
    "UNetPair",
    "Watershed",
    "Wavelet",
    "entry",
    "load",
    "load_with",
    "parse",
    "parse_model",
    "parse_settings",
    "parse_simulation",
    "put",
    "read_yaml",
    "with_overrides",
    "with_values",
]
