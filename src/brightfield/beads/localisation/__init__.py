"""Classical localisation of micro-beads at the physical limit, without training.

A profile is fitted to the beads of the first frames (:mod:`fitting`, from centres of symmetry, :mod:`centring`), beads are found by
their correlation with it (:mod:`correlating`), and each is refined by weighted least squares against the pixels (:mod:`refining`).
Errors are reported as multiples of the Cramer-Rao bound (:mod:`bound`).

Positions are (N, 2), x and y in px; (0, 0) is the centre of the first pixel, x is the column, y the row. Windows are (N, H, W) in
the units of the camera. Pure numpy and scipy.
"""

from brightfield.beads.localisation.bound import cramer_rao
from brightfield.beads.localisation.centring import mirror_centres, radial_centres
from brightfield.beads.localisation.correlating import Correlator
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.noise import Noise
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.localisation.refining import Refiner
from brightfield.beads.localisation.solving import Refined

__all__ = [
    "Correlator",
    "Noise",
    "Profile",
    "Refined",
    "Refiner",
    "cramer_rao",
    "fit_profile",
    "mirror_centres",
    "radial_centres",
]
