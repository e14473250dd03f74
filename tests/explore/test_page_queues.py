"""Queues as a person goes through them by keys, in Debian's Chromium."""

import json

import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.labelling.answers import read_answers
from tests.explore.conftest import CLASS, opened_page, serving


@pytest.fixture(scope="module")
def truth(hostile_run):
    table = pq.read_table(hostile_run.parent / "stars" / "truth.parquet")
    return {row["object_id"]: row for row in table.to_pylist()}


@pytest.fixture
def page(browser, judged):
    with opened_page(browser, judged.address) as opened:
        opened.fill("#query", "")
        opened.locator("#points").focus()
        yield opened


def open_queue(page, name):
    page.keyboard.press("q")
    page.wait_for_selector("#side[data-queues]")
    page.locator(f"[data-queue='{name}']").click()
    return shown(page, "")


def shown(page, before):
    """The object that the queue shows, when it is another one than before."""
    page.wait_for_function(
        "before => document.querySelector('#judge .verdicts') && "
        "document.getElementById('side').dataset.id !== before",
        arg=before,
    )
    return page.get_attribute("#side", "data-id")


def lines(judged):
    path = judged.folder / "labels" / "judgements.jsonl"
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_planted_wrong_label_is_found_judged_and_undone(page, judged, truth):
    name = open_queue(page, "label")
    for _ in range(30):  # one of the first is planted, and trains
        own = truth.get(name)
        trains = "train ·" in page.inner_text("#side header")
        if own and own["wrong_label"] and trains:
            break
        page.keyboard.press("Space")
        name = shown(page, name)
    assert own["wrong_label"]
    assert "neighbours" in page.inner_text("#judge .why")
    page.wait_for_selector("#folded[data-period], #side .u-wrap, #alike[data-drawn]")
    right = CLASS if own["true_class"] == "EW" else own["true_class"]
    key = page.locator(f'[data-verdict="{right}"] kbd').inner_text()
    left = page.inner_text("#far")
    page.keyboard.press(key)
    after = shown(page, name)
    assert read_answers(judged.folder) == {name: right}
    (line,) = [line for line in lines(judged) if line["object_id"] == name]
    assert line["seen"]["queue"] == "label"
    assert line["seen"]["map"]
    assert page.inner_text("#far") != left
    assert f"{name}: {right}" in page.inner_text("#said")
    # taken home as VOTable: it says what was judged, by whom and when
    page.get_by_label("select by").select_option("names")
    page.fill("#condition", f"{name}, {after}")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected='2']")
    with page.expect_download() as saved:
        page.click("[data-export='.vot']")
    table = Table.read(saved.value.path(), format="votable")
    table.add_index("object_id")
    taken = table.loc[name]
    assert (taken["judgement"], taken["judged_class"], taken["answer"]) == ("class", right, right)
    assert (taken["judged_by"], taken["judged_at"]) == (line["who"], line["when"])
    assert taken["label"] == judged.json("object", id=name)["class"] != right
    assert table.loc[after]["judgement"] == table.loc[after]["answer"] == ""
    assert all(table[column].description for column in table.colnames)
    # taken back in the queue, and the object is there again
    after = open_queue(page, "label")
    page.keyboard.press("z")
    assert shown(page, after) == name
    assert read_answers(judged.folder) == {}
    assert page.inner_text("#far") == left


def test_twenty_by_keys_are_all_on_the_disk_and_the_page_goes_on(page, judged):
    name = open_queue(page, "next")
    expected = {}
    for number in range(20):
        key = "123xu"[number % 5]
        expected[name] = key
        page.keyboard.press(key)
        name = shown(page, name)
    standing = {line["object_id"]: line for line in lines(judged) if line["undoes"] is None}
    names = [button.inner_text() for button in page.locator(".verdicts button").all()]
    labels = {text.split("\n")[0]: text.split("\n")[-1] for text in names}
    said = {n: standing[n]["label"] or standing[n]["verdict"] for n in expected}
    assert said == {n: labels[key] for n, key in expected.items()}
    answers = {n: labels[key] for n, key in expected.items() if key in "123"}
    assert read_answers(judged.folder) == answers
    # opened again, it goes on where it was
    page.reload()
    page.wait_for_selector("#judge .verdicts")
    assert page.get_attribute("#side", "data-id") == name
    assert page.inner_text("#far").startswith("20 judged")


def test_a_kept_selection_is_judged_as_a_queue(page, judged):
    page.fill("#condition", "period < 0.4")
    page.press("#condition", "Enter")
    page.wait_for_selector("#kept form")
    n = int(page.get_attribute("#side", "data-selected"))
    page.get_by_label("Name of the selection").fill("short")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Judge the objects of short").click()
    name = shown(page, "")
    done = int(page.inner_text("#far").split()[0])
    assert page.inner_text("#far") == f"{done} judged, {n - done} left"
    assert "in the selection 'short'; classified " in page.inner_text("#judge .why")
    page.locator("#side h2").click()
    page.keyboard.press("u")
    after = shown(page, name)
    assert lines(judged)[-1]["seen"]["queue"] == "kept:short"
    assert page.inner_text("#far") == f"{done + 1} judged, {n - done - 1} left"
    page.reload()  # it has an address, and goes on where it was
    assert shown(page, "") == after
    page.keyboard.press("z")
    assert shown(page, after) == name
    assert page.inner_text("#far") == f"{done} judged, {n - done} left"
    page.keyboard.press("q")
    page.locator("[data-queue='kept:short']").wait_for()
    # what is judged stands, too, where the selection is deleted meanwhile
    judged.ask("/api/kept/forget", "POST", body=b" ", name="short")
    said = {"object_id": name, "verdict": "unsure", "queue": "kept:short"}
    status, told = judged.send("judge", said)
    assert (status, told["progress"]) == (200, None)
    judged.send("undo", {"number": str(told["judgement"]["number"])})


def test_keys_typed_before_an_object_is_seen_judge_nothing(page, judged):
    name = open_queue(page, "suspects")
    before = len(lines(judged)) if (judged.folder / "labels").exists() else 0
    held = []
    page.route("**/api/object*", lambda route: held.append(route))
    page.keyboard.press("Space")
    while not held:
        page.wait_for_timeout(20)
    page.keyboard.press("1")
    page.wait_for_timeout(100)
    held[0].continue_()
    shown(page, name)
    assert (len(lines(judged)) if before else 0) == before


def test_a_key_held_down_judges_one_object(page, judged):
    name = open_queue(page, "suspects")
    before = len(lines(judged)) if (judged.folder / "labels" / "judgements.jsonl").exists() else 0
    page.keyboard.down("u")
    after = shown(page, name)
    for _ in range(3):
        page.keyboard.down("u")  # as a keyboard repeats it
        page.wait_for_timeout(100)
    page.keyboard.up("u")
    assert page.get_attribute("#side", "data-id") == after
    assert len(lines(judged)) == before + 1
    page.keyboard.press("z")
    page.wait_for_function("document.getElementById('said').textContent.includes('any more')")


def test_another_page_under_the_same_name_is_not_undone(page, judged):
    name = open_queue(page, "label")
    page.keyboard.press("u")
    shown(page, name)
    other = judged.json("queue", name="label")["items"][5]["object_id"]
    who = judged.json("queues")["who"]
    judged.send("judge", {"object_id": other, "verdict": "unsure", "who": who})
    page.keyboard.press("z")
    page.wait_for_function("document.getElementById('said').textContent.includes('any more')")
    assert page.get_attribute("#side", "data-id") == name
    assert judged.send("undo", {"who": who})[1]["judgement"]["object_id"] == other


def test_who_judges_can_be_said(page, judged):
    name = open_queue(page, "label")
    page.get_by_label("Who judges").fill("Henrietta")
    page.get_by_label("Who judges").press("Enter")
    page.keyboard.press("u")  # the name is done with Enter, and keys judge again
    shown(page, name)
    assert lines(judged)[-1]["who"] == "Henrietta"
    page.keyboard.press("z")
    page.wait_for_function("document.getElementById('said').textContent.includes('any more')")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_queue_on_a_narrow_page(browser, judged, theme):
    with opened_page(browser, f"{judged.address}#queue=label", color_scheme=theme) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_selector("#judge .verdicts")
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.locator("[data-verdict='next']").click()


def test_read_only_says_so(browser, suspect_run):
    with (
        serving(suspect_run, read_only=True) as explorer,
        opened_page(browser, f"{explorer.address}#queue=label") as page,
    ):
        page.wait_for_selector("#judge .doubt")
        assert "--read-only" in page.inner_text("#judge")
        page.locator("#side h2").click()
        page.keyboard.press("1")
        page.wait_for_selector("#error", state="visible")
        assert "--read-only" in page.inner_text("#error")


def test_trained_again_with_the_answers_what_changed_is_selected(page, judged):
    page.keyboard.press("q")
    page.wait_for_selector("#retrain[data-state]")
    page.get_by_role("button", name="head only").click()
    page.wait_for_selector("#retrain progress")
    page.wait_for_selector("#retrain[data-state='done']", timeout=120_000)
    assert "The class of every object is in" in page.inner_text("#retrain")
    page.wait_for_function("location.hash.includes('with+answers')")
    answered = pq.read_table(judged.folder / "labels" / "classes.parquet")["class"].to_pylist()
    (path,) = (judged.folder / "finetune").glob("*/classes.parquet")
    before = pq.read_table(path)["class"].to_pylist()
    n = sum(a != b for a, b in zip(answered, before, strict=True))
    assert n > 0
    page.get_by_role("button", name="show them").click()
    page.wait_for_selector(f"#side[data-selected='{n}']")
