"""Campaigns of faults: broken, hostile and unlucky input, and what comes of it.

    python benchmarks/faults.py --tries 1000 [--only NAME ...]

Each campaign does its harm that many times, and a table tells how many tries ended in a sentence,
in the quarantine or in the right value, and how many failed: a traceback, a wrong value without a
word, no end in time, memory beyond the limit, a file read or written outside. Failures are listed
with what was done and what was said; `--show N` lists so many of the others, too. On stderr it says
how far it is, and each failure at once. A try depends on `--seed` and its number alone: `--first
517 --tries 1` does one again. Ends with 1 where any failed.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.faults.campaigns import campaigns
from tests.faults.campaigns.registry import FAILED, FINE, Row

#: Seconds between two words of how far it is. No progress bar: its thread and its locks would be
#: forked into the tries.
EVERY = 30.0


def main() -> None:
    every = campaigns()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, help="of each campaign; as in the suite by default")
    parser.add_argument("--only", nargs="+", choices=sorted(every), default=sorted(every))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--show", type=int, default=0, help="list so many tries that were fine")
    options = parser.parse_args()
    failed = 0
    print(f"{'campaign':24}{'tries':>7}" + "".join(f"{o:>13}" for o in (*FINE, *FAILED)))
    for name in options.only:
        begun, counts, bad = time.monotonic(), Counter(), []
        told = begun
        tries = options.tries or every[name].quick
        for row in every[name].run(options.seed, range(options.first, options.first + tries)):
            counts[row.outcome] += 1
            if row.outcome in FAILED:
                bad.append(row)
                print(f"{name}: {_line(row)}", file=sys.stderr, flush=True)
            elif counts.total() <= options.show:
                print(_line(row))
            if (now := time.monotonic()) - told > EVERY:
                told = now
                left = (now - begun) * (tries / counts.total() - 1)
                said = f"{name}: {counts.total()} of {tries}, {len(bad)} failed"
                print(f"{said}, about {left / 60:.0f} min left", file=sys.stderr, flush=True)
        numbers = "".join(f"{counts[o]:>13}" for o in (*FINE, *FAILED))
        took = f"   {time.monotonic() - begun:.0f} s"
        print(f"{name:24}{counts.total():>7}{numbers}{took}", flush=True)
        for row in bad:
            print(_line(row), flush=True)
        failed += len(bad)
    sys.exit(1 if failed else 0)


def _line(row: Row) -> str:
    said = row.said.encode("unicode_escape").decode()
    if len(said) > 600:  # an error stands at the end
        said = f"{said[:150]} ... {said[-450:]}"
    return f"  {row.number:>6} {row.outcome}: {row.what}: {said}"


if __name__ == "__main__":
    main()
