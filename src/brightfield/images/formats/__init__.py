"""One file a format: each opens a file and gives its frames as raw arrays, and what its header says."""
