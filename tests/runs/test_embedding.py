import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from skybind.runs import embedding
from skybind.runs.embedding import run_embedding, stored_embeddings
from skybind.runs.run import Run

FILES = Path(__file__).parents[1] / "data" / "v0.1"


def test_of_two_programs_one_embeds_and_the_other_takes_what_it_made(tmp_path, monkeypatch):
    for name in ("stars", "stars-run"):
        shutil.copytree(FILES / name, tmp_path / name)
    status = tmp_path / "stars-run" / "status.json"
    note = json.loads(status.read_text())
    status.write_text(json.dumps({**note, "data": str(tmp_path / "stars")}))
    shutil.rmtree(tmp_path / "stars-run" / "embeddings")
    make, made = embedding.embed_source, []

    def slowly(*args, **options):
        made.append(1)
        time.sleep(0.5)
        return make(*args, **options)

    monkeypatch.setattr(embedding, "embed_source", slowly)
    runs = [Run.open(tmp_path / "stars-run") for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(run_embedding, runs)
    assert len(made) == 1
    np.testing.assert_array_equal(one.mean(), other.mean())
    runs.append(Run.open(tmp_path / "stars-run"))
    for run, found in zip(runs, [one, other, stored_embeddings(runs[-1])], strict=True):
        assert found.object_id is run.dataset.object_ids  # names and parts are held once
        assert found.split is run.split.part
    assert not list((tmp_path / "stars-run").glob(".*lock*"))
