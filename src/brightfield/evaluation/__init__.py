"""How good models are: scores with intervals, paired differences, ensembles, promotion, and labels that are probably wrong."""
