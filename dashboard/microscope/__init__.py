"""The error microscope: one image, its truth and the answers of models, by tiles, for all pages."""
