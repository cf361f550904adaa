"""All that knows MLflow: runs and the registry of models."""
