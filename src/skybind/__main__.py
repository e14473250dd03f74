"""`python -m skybind` and the command `skybind`: signals are heeded before anything is imported."""

import sys

from skybind import stops


def main() -> None:
    """Run the command line; see `skybind.cli.main`."""
    stops.heed()
    try:
        from skybind.cli import main as run

        run()
    except stops.Stopped as stop:
        sentence, status = stops.ending(stop.number)
        print(f"skybind: {sentence}", file=sys.stderr)
        sys.exit(status)


if __name__ == "__main__":
    main()
