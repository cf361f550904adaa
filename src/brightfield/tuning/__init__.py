"""Tuning of models with Optuna: a search that survives, and an answer that the search has not flattered."""
