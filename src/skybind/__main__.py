"""`python -m skybind` is the command `skybind`."""

from skybind.cli import main

main()
