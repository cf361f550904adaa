"""A trained network's answers: its bundle on disk, the device it computes on, its activated outputs, and the predictor."""
