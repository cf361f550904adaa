"""What surrounds a process: variables that libraries read once, when they are loaded, and who uses it."""

from __future__ import annotations

import getpass
import os
import socket

# Idle threads of libgomp spin before they sleep, by default for milliseconds: beside another busy process they take the cores that
# the other threads of the same step wait for. This many turns are few enough to leave the core soon, and so many that a step on a
# quiet machine loses nothing.
SPIN_COUNT = "10000"
# Of numpy's and scipy's linear algebra. Its matrices are small here: with a second thread a fit of two parameters takes ten times
# as much of the processor, and the last digit depends on the number of cores. torch has threads of its own (compute.threads).
ALGEBRA_THREADS = "1"


def set_defaults() -> None:
    """Set what the user has not set; to be called before torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", ALGEBRA_THREADS)
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # otherwise its import contacts a package index
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # otherwise three lines for each model that is registered


def who() -> str:
    """The user and the machine; a container may have no name for its user."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
