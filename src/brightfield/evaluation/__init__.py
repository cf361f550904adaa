"""Evaluation of models: scores with intervals, paired differences, ensembles, promotion, and probable label errors."""
