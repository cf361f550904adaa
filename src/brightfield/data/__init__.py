"""Datasets: stored, imported, audited, split, augmented."""
