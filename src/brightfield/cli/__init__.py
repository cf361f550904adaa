"""The command line: ``brightfield --help``. Rooms are imported when a command needs them: help must not wait for torch."""

from __future__ import annotations

import sys
import traceback

from brightfield.cli import answers, compare, data, locate, registry, stages, studies, tracks, tune
from brightfield.cli.base import app
from brightfield.errors import BrightfieldError
from brightfield.system import environment, memory

__all__ = ["answers", "app", "compare", "data", "locate", "main", "registry", "stages", "studies", "tracks", "tune"]


def main() -> None:
    """Run a command; an error that the user can mend is one message, never a traceback (unless ``--debug``)."""
    environment.set_defaults()
    memory.collect_rarely()
    debug = "--debug" in sys.argv
    try:
        app()
    except BrightfieldError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
