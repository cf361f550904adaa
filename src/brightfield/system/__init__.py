"""Services of the operating system: files written whole, progress bars, processes, memory, and the origin of code and data."""
