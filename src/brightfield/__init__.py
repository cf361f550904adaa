"""Experiment management for deep learning on microscope images."""
