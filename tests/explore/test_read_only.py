"""With --read-only the explorer leaves every file of the run and of the dataset as it was."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from skybind.explore.app import make_app
from skybind.explore.kept import Kept
from skybind.explore.survey import Survey
from skybind.runs.run import Run
from skybind.tables import FORMATS
from tests.explore.conftest import serving

#: Rows of a selection, not of the object whose name FITS cannot hold.
ROWS = np.arange(10, 60, dtype="<i4").tobytes()
#: A light curve of one's own, without errors.
CURVE = "time,magnitude\n" + "\n".join(f"{t / 7},{15 + (t % 11) / 20}" for t in range(80))
#: What a run without images or newer answers, or a machine without a hub, answers by a sentence.
REFUSED = ("picture", "changed", "samp", "samp/listen", "samp/rows")
#: What would write.
WRITES = ("judge", "undo", "kept/keep", "kept/forget", "train")


def content(*folders):
    """All that can be seen of the files and folders below some: size, time and hash."""
    return {
        path: (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for folder in folders
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture
def folder(suspect_run, tmp_path):
    """A copy of a run with all there is to see, a kept selection among it."""
    made = tmp_path / "run"
    shutil.copytree(suspect_run, made)
    survey = Survey(Run.open(made))
    Kept(survey).keep("some", np.arange(20), "said")
    survey.close()
    return made


def questions(survey):
    """Return what can be asked and sent: path, values and what is sent."""
    run = survey.run
    star = str(run.dataset.object_ids[np.flatnonzero(run.dataset.present("photometry"))[0]])
    one = {"id": star}
    named = {"map": next(iter(survey.maps))}
    asked = [
        *((path, {}) for path in ("survey", "queues", "training", "kept")),
        ("map", {"name": named["map"]}),
        ("column", {**named, "name": "period"}),
        ("column", {"name": "class"}),
        ("card", {"row": 0}),
        ("object", one),
        ("fold", {**one, "period": 0.5}),
        ("power", one),
        ("picture", {**one, "stretch": "linear"}),
        ("small", {"rows": "0,1"}),
        ("neighbours", one),
        ("neighbours", {**one, "by": "photometry", "to": "spectrum", "where": "period < 1"}),
        ("find", {"text": "SIM"}),
        ("where", {"condition": "period < 1"}),
        *(("queue", {"name": name}) for name in ("label", "suspects", "next")),
        ("changed", {}),
        ("sky", {"frame": "galactic"}),
        ("scatter", {"x": "period", "y": "amplitude"}),
        ("kept/rows", {"name": "some"}),
        ("compared", {"name": "some"}),
        ("samp/heard", {"after": 0}),
        ("samp/rows", {"number": 1}),
    ]
    sent = [
        ("selection", {}, ROWS),
        *(("export", {"ending": ending}, ROWS) for ending in FORMATS),
        ("file", {"name": "mine.csv"}, CURVE.encode()),
        ("chosen", {"by": "names"}, star.encode()),
        *((path, {}, ROWS) for path in ("samp", "samp/listen", "samp/stop", "train/stop")),
        ("judge", {}, json.dumps({"verdict": "artefact", "object_id": star}).encode()),
        *((path, {"name": "some"}, ROWS) for path in WRITES[1:]),
    ]
    return [("GET", *question, b"") for question in asked] + [("POST", *each) for each in sent]


def test_no_question_changes_a_file(folder, hostile_run, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none').as_uri()}")
    stars = hostile_run.parent / "stars"
    before = content(folder, stars)
    survey = Survey(Run.open(folder), read_only=True)
    every = questions(survey)
    routes = {route.path for route in make_app(survey, "", set()).app.routes}
    survey.close()
    asked = {f"/api/{path}" for _, path, *_ in every}
    assert asked == {path for path in routes if path.startswith("/api/")}
    with serving(folder, read_only=True) as explorer:
        for method, path, values, sent in every:
            status, _, body = explorer.ask(f"/api/{path}", method, None, sent, **values)
            wanted = 400 if path in WRITES or path in REFUSED else 200
            assert status == wanted, (path, values, body[:300])
            assert path not in WRITES or b"read-only" in body
        assert content(folder, stars) == before
    assert content(folder, stars) == before
