"""Selections reach programs that take tables, through astropy's own hub on this machine."""

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from skybind.errors import DataError
from skybind.explore.samp import send_table
from skybind.explore.survey import Survey
from skybind.runs.run import Run
from tests.explore.conftest import CLASS

with warnings.catch_warnings():  # astropy 8 says that pyvo will have it
    warnings.simplefilter("ignore")
    from astropy.samp import SAMPHubServer, SAMPIntegratedClient, conf


@pytest.fixture(scope="module")
def survey(hostile_run):
    opened = Survey(Run.open(hostile_run), read_only=True)
    yield opened
    opened.close()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub that only this test knows."""
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'hub.lock').as_uri()}")
    with conf.set_temp("use_internet", False):
        server = SAMPHubServer(
            web_profile=False, lockfile=str(tmp_path / "hub.lock"), addr="127.0.0.1"
        )
        server.start()
        yield server
        server.stop()


@pytest.fixture
def topcat(hub):
    """A program that takes tables; gives what it was told."""
    told, there = [], threading.Event()
    client = SAMPIntegratedClient(name="topcat", addr="127.0.0.1")
    client.connect()

    def taken(key, sender, kind, params, extra):
        # read at once, as TOPCAT does
        told.append((params["name"], Table.read(params["url"].removeprefix("file://"))))
        there.set()

    client.bind_receive_notification("table.load.votable", taken)
    client.told, client.there = told, there
    yield client
    client.disconnect()


def test_a_selection_is_sent_to_topcat(survey, topcat):
    rows = np.flatnonzero(survey.run.class_names == CLASS)[:6]
    assert send_table(survey, rows) == ["topcat"]
    assert topcat.there.wait(20)
    ((name, table),) = topcat.told
    assert name == "stars: 6 selected"
    ids = survey.run.dataset.object_ids[rows].tolist()
    assert [str(text) for text in table["object_id"]] == ids
    assert table["ra"].info.meta["ucd"] == "pos.eq.ra;meta.main"
    assert str(table["period"].unit) == "d"


def test_without_a_taker_nothing_is_sent(survey, hub):
    with pytest.raises(DataError, match="No program takes tables"):
        send_table(survey, np.array([1]))


def test_without_a_hub_it_is_a_sentence(survey, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none.lock').as_uri()}")
    with pytest.raises(DataError, match="No SAMP hub answers"):
        send_table(survey, np.array([1]))


def test_a_hub_elsewhere_gets_nothing(survey, topcat, monkeypatch):
    monkeypatch.setattr("skybind.explore.samp.LOOPBACK", ())
    with pytest.raises(DataError, match="not on this machine: nothing was sent"):
        send_table(survey, np.array([1]))
    assert topcat.told == []


def test_nothing_selected_is_not_sent(survey):
    with pytest.raises(DataError, match="Nothing is selected"):
        send_table(survey, np.zeros(0, int))


def test_what_was_sent_is_deleted_in_the_end(hostile_run, topcat):
    opened = Survey(Run.open(hostile_run), read_only=True)
    send_table(opened, np.array([1, 2]))
    assert topcat.there.wait(20)
    folder = Path(opened.sent.name)
    assert [path.name for path in folder.iterdir()] == ["selection-1.vot"]
    opened.close()
    assert not folder.exists()


def test_the_page_sends_by_a_click(page, served, topcat):
    page.keyboard.press("w")
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.click("#samp")
    page.wait_for_function("document.getElementById('samp').innerText == 'sent to topcat'")
    assert topcat.there.wait(20)
    ((_, table),) = topcat.told
    assert np.max(table["period"]) < 0.5
