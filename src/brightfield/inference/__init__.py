"""Inference: a network's bundle on disk, the device it runs on, its activated outputs, and the predictor."""
