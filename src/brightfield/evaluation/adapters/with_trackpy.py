"""Positions by trackpy (https://github.com/soft-matter/trackpy), the method of Crocker and Grier (1996): image, x and y in px."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Locate the beads of every frame."""
    parser = argparse.ArgumentParser(description="Answers of trackpy.locate to a folder of TIFF frames.")
    parser.add_argument("images", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--diameter", type=int, default=21, help="of a bead with its rings in px, odd [21]")
    parser.add_argument("--bright", action="store_true", help="beads are brighter than the ground, not darker")
    parser.add_argument("--minmass", type=float, help="least integrated brightness [trackpy's own]")
    given = parser.parse_args()

    import numpy as np
    import pandas as pd
    import trackpy
    from PIL import Image  # matplotlib, which trackpy needs, brings it

    trackpy.quiet()
    tables = []
    for path in sorted(given.images.glob("*.tif")):
        with Image.open(path) as opened:
            frame = np.asarray(opened, dtype=np.float64)
        found = trackpy.locate(frame, given.diameter, minmass=given.minmass, invert=not given.bright, engine="python")
        tables.append(found[["x", "y"]].assign(image=path.stem))
    pd.concat(tables).to_csv(given.answers / "positions.csv", index=False)


if __name__ == "__main__":
    main()
