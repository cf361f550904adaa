"""One thin file for each stage of dvc.yaml: load parameters, call the rooms below, write the outputs."""
