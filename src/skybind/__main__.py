"""`python -m skybind` and the command `skybind`: signals are heeded before anything is imported."""


def main() -> None:
    """Run the command line; see `skybind.cli.main`."""
    from skybind import stops  # alone, and itself light: what is imported before heeds no signal

    try:
        stops.heed()
        _run()
    except stops.Stopped as stop:
        import sys

        sentence, status = stops.ending(stop.number)
        print(f"skybind: {sentence}", file=sys.stderr)
        sys.exit(status)
    finally:
        stops.over()


def _run() -> None:
    import sys

    from skybind import addresses
    from skybind.refusals import refusal

    addresses.watch()
    try:
        from skybind.cli import main as run

        run()
    except Exception as error:  # while the program was being imported
        refused = refusal(error)
        if refused is None:
            raise
        print(f"skybind: {refused}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
