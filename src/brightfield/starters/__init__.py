"""Starters: a trained model of each task that is part of the package, and how it was made (`make starters`)."""
