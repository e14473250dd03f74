import json

import pytest

from tests.explore.conftest import serving


@pytest.fixture
def first(judged):
    return judged.json("queue", name="label")["items"][0]["object_id"]


def saying(name, **more):
    return {"object_id": name, "verdict": "unsure", "who": "Leavitt", "queue": "label", **more}


def test_judged_seen_and_undone(judged, first):
    before = judged.json("queue", name="label")
    status, told = judged.send("judge", saying(first, map="photometry", period="0.5"))
    assert status == 200
    assert told["progress"] == {
        "total": before["total"],
        "judged": before["judged"] + 1,
        "left": before["left"] - 1,
    }
    line = json.loads((judged.folder / "labels/judgements.jsonl").read_bytes().splitlines()[-1])
    assert line["seen"] == {"queue": "label", "map": "photometry", "period": "0.5"}
    after = judged.json("queue", name="label")
    assert first not in {item["object_id"] for item in after["items"]}
    assert judged.send("undo", {"who": "Leavitt"})[1]["judgement"]["object_id"] == first
    assert judged.json("queue", name="label") == before


def test_the_next_ones_are_gone_through_before_others_are_drawn(judged):
    ids = [item["object_id"] for item in judged.json("queue", name="next")["items"]]
    judged.send("judge", saying(ids[0], queue="next"))
    left = judged.json("queue", name="next")
    assert [item["object_id"] for item in left["items"]] == ids[1:]
    assert (left["judged"], left["left"]) == (1, len(ids) - 1)
    judged.send("undo", {"who": "Leavitt"})


def test_another_page_cannot_judge(judged, first):
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"x-skybind-token": None},
        {"Host": "evil.example"},
    ):
        status, _ = judged.send("judge", saying(first), headers)
        assert status in (401, 403, 421)
        assert judged.send("undo", {"who": "Leavitt"}, headers)[0] in (401, 403, 421)
    assert judged.ask("/api/judge", object_id=first)[0] == 405  # a link judges nothing
    assert first in {item["object_id"] for item in judged.json("queue", name="label")["items"]}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ([], "damaged"),
        ({"object_id": 3}, "damaged"),
        ({}, "no verdict ''"),
        ({"object_id": "x", "verdict": "unsure"}, "no such object"),
        ({"object_id": "x", "verdict": "unsure", "who": "x" * 301}, "301 characters"),
    ],
)
def test_a_wrong_judgement_is_one_sentence(judged, said, says):
    status, told = judged.send("judge", said)
    assert status == 400
    assert says in told["error"]


def test_read_only_judges_nothing(suspect_run):
    def content():
        return {p: p.stat().st_mtime_ns for p in suspect_run.rglob("*") if p.is_file()}

    before = content()
    with serving(suspect_run, read_only=True) as explorer:
        told = explorer.json("queues")
        assert "--read-only" in told["refused"]
        name = explorer.json("queue", name="label")["items"][0]["object_id"]
        for path in ("judge", "undo"):
            status, answer = explorer.send(path, saying(name))
            assert status == 400
            assert answer["error"] == told["refused"]
    assert content() == before


def test_two_pages_under_one_name_take_back_their_own(judged):
    first, second = [item["object_id"] for item in judged.json("queue", name="label")["items"][:2]]
    own = judged.send("judge", saying(first))[1]["judgement"]
    judged.send("judge", saying(second))
    status, told = judged.send("undo", {"who": "Leavitt", "number": str(own["number"])})
    assert (status, told["judgement"]["object_id"]) == (200, first)
    for number in (str(own["number"]), "-1", "²", "x"):
        status, told = judged.send("undo", {"who": "Leavitt", "number": number})
        assert status == 400
        assert number in told["error"]
    assert judged.send("undo", {"who": "Leavitt"})[1]["judgement"]["object_id"] == second


def test_a_test_object_is_said_not_to_train(judged):
    for item in judged.json("queue", name="label")["items"]:
        page = judged.json("object", id=item["object_id"])
        if page["split"] in ("test", "train") and page["class"]:
            said = saying(item["object_id"], verdict="class", label=page["class"])
            note = judged.send("judge", said)[1]["judgement"]["note"]
            judged.send("undo", {"who": "Leavitt"})
            assert ("measure the classifier" in note) == (page["split"] == "test")
            if page["split"] == "test":
                return
    raise AssertionError("no test object was in the queue")
