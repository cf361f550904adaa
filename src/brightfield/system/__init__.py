"""The machine underneath: files written whole, progress bars, processes, memory, and where code and data come from."""
