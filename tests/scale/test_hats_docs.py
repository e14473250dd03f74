"""What docs/hats.md shows works as it stands there."""

import re
import shutil
from pathlib import Path

from skybind.ingest.readers.hats import hats_table

PAGE = (Path(__file__).parents[2] / "docs" / "hats.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_of_the_page(place, tmp_path, monkeypatch):
    import distributed

    shutil.copytree(place / "stars-run", tmp_path / "run")
    shutil.copytree(place / "hats", tmp_path / "stars_hats")
    (tmp_path / "stars_hats" / "hats").rename(tmp_path / "stars_hats" / "stars_hats")
    (tmp_path / "stars_hats" / "collection.properties").write_text(
        (place / "hats" / "collection.properties").read_text().replace("=hats\n", "=stars_hats\n")
    )
    monkeypatch.chdir(tmp_path)
    # threads in place of processes, which test_cluster starts; a limit on memory would count all
    # that this process holds, and such workers would pause for ever
    inside = {"processes": False, "dashboard_address": None, "protocol": "inproc://"}
    cluster = distributed.LocalCluster
    monkeypatch.setattr(
        distributed,
        "LocalCluster",
        lambda *given, **named: cluster(*given, **named | inside | {"memory_limit": None}),
    )
    shown: dict = {"__name__": "__main__"}
    assert len(BLOCKS) == 4
    for block in BLOCKS:
        exec(block, shown)
    alone, by_two = (hats_table(tmp_path / name) for name in ("classes_hats", "classes_by_two"))
    assert len(alone) == 60
    assert by_two.equals(alone)
    assert len(shown["pairs"].compute(progress_bar=False)) == 60
    assert shown["first"].ndim == 1
