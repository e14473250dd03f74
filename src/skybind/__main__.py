"""`python -m skybind` and the command `skybind`: signals are heeded before anything is imported."""

import sys

from skybind import addresses, stops
from skybind.refusals import refusal


def main() -> None:
    """Run the command line; see `skybind.cli.main`."""
    stops.heed()
    addresses.watch()
    try:
        from skybind.cli import main as run

        run()
    except stops.Stopped as stop:
        sentence, status = stops.ending(stop.number)
        print(f"skybind: {sentence}", file=sys.stderr)
        sys.exit(status)
    except Exception as error:  # while the program was being imported
        refused = refusal(error)
        if refused is None:
            raise
        print(f"skybind: {refused}", file=sys.stderr)
        sys.exit(2)
    finally:
        stops.over()


if __name__ == "__main__":
    main()
