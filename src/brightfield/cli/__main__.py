"""``python -m brightfield.cli``."""

from brightfield.cli import main

main()
