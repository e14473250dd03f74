"""Tables are sent to and taken from other programs, through astropy's own hub on this machine."""

import http.server
import os
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from skybind.errors import DataError
from skybind.explore import heard
from skybind.explore.heard import Heard, fetched
from skybind.explore.samp import HELD, LOOPBACK, Samp
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
def samp(survey):
    """The survey as a program of SAMP."""
    made = Samp(survey)
    yield made
    made.close()


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
        if server.is_running:
            server.stop()


@pytest.fixture
def topcat(hub):
    """A program that takes tables; gives what it was told."""
    told, there = [], threading.Event()
    client = SAMPIntegratedClient(name="topcat", addr="127.0.0.1")
    client.connect()

    def taken(key, sender, kind, params, extra):
        # read at once, as TOPCAT does
        told.append((params, Table.read(params["url"].removeprefix("file://"))))
        there.set()

    client.bind_receive_notification("table.load.votable", taken)
    client.told, client.there = told, there
    yield client
    client.disconnect()


def tell(client, kind, **params):
    """Send a message to all, as TOPCAT does when a row is clicked."""
    named = {name.replace("_", "-"): value for name, value in params.items()}
    client.notify_all({"samp.mtype": kind, "samp.params": named})


def answer(topcat, message):
    """Send a message and wait for its answer.

    The hub's own `call_and_wait` waits for ever for an answer that comes at once.
    """
    said, there = [], threading.Event()

    def take(key, sender, tag, response):
        said.append(response)
        there.set()

    (taker,) = topcat.get_subscribed_clients(message["samp.mtype"])
    topcat.bind_receive_response("table", take)
    topcat.call(taker, "table", message)
    assert there.wait(20)
    return said[0]


def newest(samp, after=0):
    """Wait for a message and return the newest."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := samp.heard(after)["heard"]:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError("nothing was heard")


def test_a_selection_is_sent_to_topcat(survey, samp, topcat):
    rows = np.flatnonzero(survey.run.class_names == CLASS)[:6]
    assert samp.send(rows) == ["topcat"]
    assert topcat.there.wait(20)
    ((params, table),) = topcat.told
    assert params["name"] == "stars: 6 selected"
    ids = survey.run.dataset.object_ids[rows].tolist()
    assert [str(text) for text in table["object_id"]] == ids
    assert table["ra"].info.meta["ucd"] == "pos.eq.ra;meta.main"
    assert str(table["period"].unit) == "d"


def test_without_a_taker_nothing_is_sent(samp, hub):
    with pytest.raises(DataError, match="No program takes tables"):
        samp.send(np.array([1]))


def test_without_a_hub_it_is_a_sentence(samp, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none.lock').as_uri()}")
    for ask in (samp.listen, lambda: samp.send(np.array([1]))):
        with pytest.raises(DataError, match="No SAMP hub answers"):
            ask()
    assert not samp.listening


def test_a_hub_elsewhere_gets_nothing(samp, topcat, monkeypatch):
    monkeypatch.setattr("skybind.explore.samp.LOOPBACK", ())
    with pytest.raises(DataError, match="not on this machine: nothing was sent"):
        samp.send(np.array([1]))
    with pytest.raises(DataError, match="does not listen to it"):
        samp.listen()
    assert topcat.told == []


def test_nothing_selected_is_not_sent(samp):
    with pytest.raises(DataError, match="Nothing is selected"):
        samp.send(np.zeros(0, int))


def test_what_was_sent_is_deleted_in_the_end(hostile_run, topcat):
    opened = Survey(Run.open(hostile_run), read_only=True)
    Samp(opened).send(np.array([1, 2]))
    assert topcat.there.wait(20)
    path = Path(topcat.told[0][0]["url"].removeprefix("file://"))
    assert path.name == "selection-1.vot"
    opened.close()
    assert not path.parent.exists()


def test_rows_that_topcat_chooses_of_a_sent_table_are_the_objects_that_were_sent(samp, topcat):
    samp.listen()
    rows = np.array([30, 5, 17])
    samp.send(rows)
    assert topcat.there.wait(20)
    key = topcat.told[0][0]["table-id"]
    tell(topcat, "table.highlight.row", table_id=key, url="", row="2")
    found = newest(samp)
    assert (found["kind"], found["id"]) == ("object", str(samp.survey.run.dataset.object_ids[17]))
    assert found["said"] == f"topcat chose a row: {found['id']}."
    tell(topcat, "table.select.rowList", table_id=key, url="", row_list=["0", "2"])
    found = newest(samp, found["number"])
    assert (found["kind"], found["n"]) == ("rows", 2)
    assert samp.rows(found["number"]).tolist() == [17, 30]


@pytest.mark.parametrize("row", ["3", "-1", "first", "9" * 40])
def test_a_row_that_a_table_has_not_is_refused(samp, topcat, row):
    samp.listen()
    samp.send(np.array([30, 5, 17]))
    assert topcat.there.wait(20)
    tell(topcat, "table.highlight.row", table_id=topcat.told[0][0]["table-id"], row=row)
    found = newest(samp)
    assert found["kind"] == "said"
    assert "the table of 3 rows does not have" in found["said"]


def test_a_row_of_a_table_that_never_came_is_told(samp, topcat):
    samp.listen()
    tell(topcat, "table.highlight.row", table_id="theirs", url="", row="0")
    assert (
        "topcat: rows of a table were chosen that the explorer does not have"
        in (newest(samp)["said"])
    )


def given(samp, topcat, path, table):
    """Send a table as a program does that asks for an answer; gives what was understood."""
    table.write(path, format="votable", overwrite=True)
    params = {"url": path.as_uri(), "table-id": "theirs", "name": "cut"}
    samp.listen()
    message = {"samp.mtype": "table.load.votable", "samp.params": params}
    assert answer(topcat, message)["samp.status"] == "samp.ok"
    return newest(samp)


def test_a_table_is_taken_by_its_names(samp, topcat, tmp_path):
    ids = samp.survey.run.dataset.object_ids
    names = [str(ids[8]), "elsewhere", str(ids[3])]
    found = given(samp, topcat, tmp_path / "t.vot", Table({"object_id": names}))
    assert samp.rows(found["number"]).tolist() == [3, 8]
    assert found["said"] == (
        "topcat sent 'cut': 2 of its 3 rows are objects of this survey, by their names in "
        "'object_id'."
    )
    tell(topcat, "table.highlight.row", table_id="theirs", row="0")
    assert newest(samp, found["number"])["id"] == names[0]
    tell(topcat, "table.highlight.row", table_id="theirs", row="1")
    assert "no object of this survey" in newest(samp, found["number"] + 1)["said"]


def test_a_table_without_known_names_is_taken_by_its_positions(samp, topcat, tmp_path):
    dataset = samp.survey.run.dataset
    rows = np.array([9, 2])
    ra, dec = dataset.numbers("ra")[rows], dataset.numbers("dec")[rows]
    theirs = Table({"source_id": [1, 2, 3], "ra": [*ra, 0.0], "dec": [*dec + 0.2 / 3600, 89.0]})
    found = given(samp, topcat, tmp_path / "t.vot", theirs)
    assert samp.rows(found["number"]).tolist() == [2, 9]
    assert "2 of its 3 rows are objects of this survey, by their positions" in found["said"]


def test_rows_at_one_place_are_all_the_object_there(samp, topcat, tmp_path):
    """As in a table of epochs; the nearest object is meant, and only that."""
    dataset = samp.survey.run.dataset
    ra, dec = dataset.numbers("ra")[[9, 2, 9]], dataset.numbers("dec")[[9, 2, 9]]
    theirs = Table({"ra": ra, "dec": dec + np.array([0.2, 0.0, -0.3]) / 3600})
    found = given(samp, topcat, tmp_path / "t.vot", theirs)
    assert "3 of its 3 rows are objects of this survey, by their positions" in found["said"]
    tell(topcat, "table.highlight.row", table_id="theirs", row="2")
    assert newest(samp, found["number"])["id"] == str(dataset.object_ids[9])


def test_no_row_is_taken_by_an_older_table_of_its_name(samp, topcat, tmp_path):
    ids = samp.survey.run.dataset.object_ids
    found = given(samp, topcat, tmp_path / "t.vot", Table({"object_id": [str(ids[8])]}))
    tell(topcat, "table.load.votable", url="http://example.org/t", table_id="theirs")
    found = newest(samp, found["number"])
    assert "not on this machine" in found["said"]
    tell(topcat, "table.highlight.row", table_id="theirs", row="0")
    assert "does not have: send it first" in newest(samp, found["number"])["said"]


def test_a_table_is_what_it_was_when_it_was_sent(samp, topcat, tmp_path):
    """Until the page asks, programs may write others of the same name, and messages pile up."""
    ids = [str(name) for name in samp.survey.run.dataset.object_ids]
    path = tmp_path / "t.vot"
    samp.listen()
    for row in range(3, 3 + HELD + 2):
        Table({"object_id": [ids[row]]}).write(path, format="votable", overwrite=True)
        params = {"url": path.as_uri(), "table-id": f"t{row}"}
        message = {"samp.mtype": "table.load.votable", "samp.params": params}
        answer(topcat, message)
    path.unlink()
    assert len(list(samp._place().iterdir())) == HELD  # of the oldest two nothing is left
    found = samp.heard(0)["heard"]
    assert [samp.rows(one["number"]).tolist() for one in found] == [
        [row] for row in range(5, 5 + HELD)
    ]
    assert list(samp._place().iterdir()) == []


def test_few_rows_are_held_of_many_tables(monkeypatch):
    monkeypatch.setattr(heard, "MOST_TABLES", 6)
    monkeypatch.setattr(heard, "MOST_ROWS", 100)
    tables = {}
    for number in range(5):
        heard.keep(tables, np.arange(2), f"id{number}", f"url{number}")
    assert list(tables) == ["id2", "url2", "id3", "url3", "id4", "url4"]
    heard.keep(tables, np.arange(49), "id3", "large")
    assert list(tables) == ["url4", "id3", "large"]
    heard.keep(tables, np.arange(1000), "newest", "url")
    assert list(tables) == ["newest", "url"]


def test_of_messages_that_name_many_rows_the_newest_is_held(samp, monkeypatch):
    monkeypatch.setattr(heard, "MOST_ROWS", 100)
    for rows in (60, 30, 50):
        samp._keep(Heard("rows", "", rows=np.arange(rows)))
    assert list(samp._heard) == [2, 3]
    samp._keep(Heard("rows", "", rows=np.arange(101)))
    assert list(samp._heard) == [4]


def test_a_hub_that_is_stopped_holds_nothing_up(samp, hub, topcat, monkeypatch):
    monkeypatch.setattr("skybind.explore.samp.PATIENCE", 0.3)
    samp.listen()
    waits = threading.Event()
    monkeypatch.setattr(samp._client.hub, "ping", lambda: waits.wait(20))
    begun = time.monotonic()
    assert samp.heard(0)["heard"][-1]["said"].startswith("The SAMP hub does not answer")
    assert time.monotonic() - begun < 5
    assert not samp.listening
    waits.set()


def test_a_hub_that_ended_meanwhile_is_a_sentence(samp, hub, topcat):
    samp.listen()
    hub.stop()
    with pytest.raises(DataError, match="The SAMP hub does not answer"):
        samp.send(np.array([1]))
    hub.start()  # which 'topcat' leaves


def test_names_that_stand_elsewhere_on_the_sky_are_told(samp, topcat, tmp_path):
    dataset = samp.survey.run.dataset
    rows = np.array([9, 2])
    ra, dec = dataset.numbers("ra")[rows], dataset.numbers("dec")[rows]
    names = [str(dataset.object_ids[row]) for row in rows]
    theirs = Table({"object_id": names, "ra": ra, "dec": dec - [0.0, 0.1]})
    found = given(samp, topcat, tmp_path / "t.vot", theirs)
    assert "but 1 of them lies more than 60 arcsec from the position here" in found["said"]


def test_a_table_of_other_objects_selects_nothing(samp, topcat, tmp_path):
    theirs = Table({"object_id": ["a", "b"], "ra": [0.0, 1.0], "dec": [89.0, 89.0]})
    found = given(samp, topcat, tmp_path / "t.vot", theirs)
    assert found["kind"] == "said"
    assert "0 of its 2 rows are objects of this survey" in found["said"]


def test_what_is_no_table_is_told(samp, topcat, tmp_path):
    samp.listen()
    path = tmp_path / "t.vot"
    path.write_text("<VOTABLE><RESOURCE>")
    tell(topcat, "table.load.votable", url=path.as_uri(), name="cut")
    found = newest(samp)
    assert found["kind"] == "said"
    assert found["said"].startswith("topcat: 'cut' was sent, but ")


def test_the_nearest_object_is_opened_where_aladin_points(samp, topcat):
    samp.listen()
    dataset = samp.survey.run.dataset
    ra, dec = float(dataset.numbers("ra")[4]), float(dataset.numbers("dec")[4])
    tell(topcat, "coord.pointAt.sky", ra=str(ra), dec=str(dec + 3 / 3600))
    found = newest(samp)
    assert found["id"] == str(dataset.object_ids[4])
    assert found["said"].endswith("is 3.0 arcsec away.")
    tell(topcat, "coord.pointAt.sky", ra="0", dec="89.9")
    assert "no object of this survey is within 60 arcsec" in (newest(samp, found["number"])["said"])
    tell(topcat, "coord.pointAt.sky", ra="east", dec="89.9")
    assert (
        "a place was pointed at whose ra is 'east'" in (newest(samp, found["number"] + 1)["said"])
    )


def test_a_hub_that_ends_is_told_and_another_is_joined(samp, hub, topcat):
    samp.listen()
    hub.stop()
    found = newest(samp)
    assert found["said"].startswith("The SAMP hub does not answer")
    assert not samp.listening
    hub.start()
    samp.listen()
    assert samp.heard(found["number"]) == {
        "listening": True,
        "last": found["number"],
        "heard": [],
    }


@pytest.fixture
def server(tmp_path):
    """A server of one table on this machine, as TOPCAT has one; of a redirection; of too much."""
    Table({"object_id": ["a"]}).write(tmp_path / "one.vot", format="votable")
    content = (tmp_path / "one.vot").read_bytes()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Location", "http://127.0.0.1:1/")
            if self.path == "/short":
                self.send_header("Content-Length", str(len(content) + 1))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    made = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


def test_a_table_is_read_from_a_server_on_this_machine(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # of no concern to this machine
    path = fetched(f"{server}/one", tmp_path, LOOPBACK)
    assert Table.read(path)["object_id"].tolist() == ["a"]


def test_tables_from_elsewhere_are_not_read(server, tmp_path, monkeypatch):
    folder = tmp_path / "taken"
    folder.mkdir()
    elsewhere = ("http://example.org/t", "file://example.org/t", "file:////example.org/t")
    for url in (*elsewhere, "ftp://127.0.0.1/t", "data:,x", ""):
        with pytest.raises(DataError, match="not on this machine"):
            fetched(url, folder, LOOPBACK)
    with pytest.raises(DataError, match="no address"):
        fetched("http://[x", folder, LOOPBACK)
    with pytest.raises(DataError, match="elsewhere"):
        fetched(f"{server}/away", folder, LOOPBACK)
    monkeypatch.setattr(heard, "HEAVIEST", 10)
    for url in (f"{server}/one", (tmp_path / "one.vot").as_uri()):
        with pytest.raises(DataError, match="has more than"):
            fetched(url, folder, LOOPBACK)
    monkeypatch.undo()
    with pytest.raises(DataError, match="ended early"):
        fetched(f"{server}/short", folder, LOOPBACK)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is a pipe, a device or a socket"):
        fetched((tmp_path / "pipe").as_uri(), folder, LOOPBACK)
    with pytest.raises(DataError, match="could not be read"):
        fetched((tmp_path / "none.vot").as_uri(), folder, LOOPBACK)
    monkeypatch.setattr(heard, "WAITED", -1.0)  # a sender that gives a byte now and then
    with pytest.raises(DataError, match="did not come within"):
        fetched((tmp_path / "one.vot").as_uri(), folder, LOOPBACK)
    assert list(folder.iterdir()) == []


def sent_by_a_click(page, topcat):
    """Select some objects and send them; gives what arrived."""
    page.keyboard.press("w")
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.click("#samp")
    page.wait_for_function("document.getElementById('samp').innerText == 'sent to topcat'")
    assert topcat.there.wait(20)
    (arrived,) = topcat.told
    return arrived


def test_the_page_sends_by_a_click(page, served, topcat):
    _, table = sent_by_a_click(page, topcat)
    assert np.max(table["period"]) < 0.5


def test_the_page_follows_what_topcat_chooses(page, served, topcat):
    page.click("#listen")
    page.wait_for_selector("#listen[aria-pressed=true]")
    params, table = sent_by_a_click(page, topcat)
    names = [str(name) for name in table["object_id"]]
    tell(topcat, "table.select.rowList", table_id=params["table-id"], row_list=["1", "2", "4"])
    page.wait_for_selector("#side[data-selected='3']")
    assert sorted(page.locator(".listed tbody button").all_inner_texts()) == sorted(
        [names[1], names[2], names[4]]
    )
    assert page.inner_text("#heard") == "topcat chose 3 rows of a table."
    with page.expect_response(lambda said: "samp/heard" in said.url):
        pass  # the page has asked just now: both come before it asks again
    tell(topcat, "table.highlight.row", table_id=params["table-id"], row="4")
    tell(topcat, "coord.pointAt.sky", ra="0", dec="89.9")
    page.wait_for_function(
        "name => document.getElementById('side').dataset.id == name", arg=names[4]
    )
    page.reload()  # the explorer listens still, and so does its page
    page.wait_for_selector("#listen[aria-pressed=true]")
    page.click("#listen")
    page.wait_for_selector("#listen[aria-pressed=false]")
    assert topcat.get_subscribed_clients("table.highlight.row") == {}


def test_the_page_tells_where_there_is_no_hub(page, served, tmp_path, monkeypatch):
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none.lock').as_uri()}")
    page.click("#listen")
    page.wait_for_selector("#error:not([hidden])")
    assert "No SAMP hub answers on this machine" in page.inner_text("#error")
    assert page.get_attribute("#listen", "aria-pressed") == "false"
