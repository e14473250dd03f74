import unicodedata

import numpy as np
import pytest

import skybind.data.seen as seen_module
from skybind.data.places import packed
from skybind.data.seen import PLACE, ROW, Seen, plain_name, told_by_case
from skybind.errors import LeakError
from skybind.models.leaks import refuse_leak, refuse_seen, refuse_twins, seen_twins
from skybind.models.seen import read_seen, write_seen

NAMES = np.array(["Star 1", "V0338 Boo", "Böotes-2"])
SEEN = Seen.of(
    NAMES,
    np.array(["chose"]),
    {"trained": [("photometry", np.array([11, 12, 0], np.uint64))],
     "validated": [("photometry", np.array([21], np.uint64))]},
)  # fmt: skip


@pytest.mark.parametrize(
    "written", ["star 1", "STAR1", " Star 1 ", "Ｓｔａｒ　１", "v0338boo",
                unicodedata.normalize("NFD", "Böotes-2")],
)  # fmt: skip
def test_a_name_is_known_however_it_is_written(written):
    refuse_seen(np.array([written]), SEEN, "this model", "testing")
    assert seen_twins(np.array([written, "new"]), SEEN, "testing").either.tolist() == [True, False]
    with pytest.raises(
        LeakError, match=r"seen under another name.*--allow-twins \(for good: .*\)\.$"
    ):
        refuse_twins(np.array([written]), SEEN, "this model", "testing")


def test_plain_names_keep_what_tells_objects_apart():
    names = ["V1", "V11", "V-1", "V+1", "B2", "Böotes", "Bootes", "α", "β"]
    names += ["12 3", "1 23", "123", "LMC_SC1 12345", "LMC_SC11 2345"]
    assert len({plain_name(name) for name in names}) == len(names)


def test_stars_that_only_case_tells_apart_are_two():
    """Of one dataset, whichever of them was trained on; from elsewhere case does not count."""
    every = np.array(["AB Cas", "ab Cas", "V1 Ori"])
    for trained, test in (([0, 2], "ab Cas"), ([1, 2], "AB Cas")):
        seen = Seen.of(every[trained], among=every)
        ids = np.array([test, "v1 ORI", f" {every[trained[0]]} "])
        assert seen_twins(ids, seen, "testing").either.tolist() == [False, True, True]
    ids = np.array(["AB CAS", "ab cas"])  # the dataset that is measured has two
    assert not seen_twins(ids, Seen.of(every[:1]), "testing").either.any()
    assert seen_twins(ids[:1], Seen.of(every[:1]), "testing").either.all()


def test_names_are_hashed_alike_in_any_pieces(monkeypatch):
    names = np.array([f"{'aA'[i % 2]}b {i // 2}" for i in range(50)] + ["cd", "cd", "CE"])
    whole = Seen.of(names[:20], names[20:30], among=names)
    told = told_by_case(names)
    assert told.tolist() == [True] * 50 + [False] * 3
    monkeypatch.setattr(seen_module, "_PIECE", 7)
    for key, hashes in Seen.of(names[:20], names[20:30], among=names).hashes.items():
        np.testing.assert_array_equal(hashes, whole.hashes[key])
    assert not len(whole.hashes["trained", "name"])  # each is spelt in two ways
    np.testing.assert_array_equal(told_by_case(names), told)


def test_an_observation_is_known_under_any_name_and_none_is_no_twin():
    ids = np.array(["a", "b", "c", "d"])
    observed = [("photometry", np.array([12, 0, 21, 5], np.uint64))]
    assert seen_twins(ids, SEEN, "testing", observed).either.tolist() == [True, False, True, False]
    # what only chose the epoch may do so again
    assert seen_twins(ids, SEEN, "validation", observed).either.tolist() == [
        True,
        False,
        False,
        False,
    ]
    # the same number of another kind is another thing
    other = [("spectrum", np.array([12, 0, 21, 5], np.uint64))]
    assert not seen_twins(ids, SEEN, "testing", other).either.any()


def test_objects_that_chose_the_epoch_are_no_test_objects():
    ids = np.array(["x", "chose"])
    with pytest.raises(LeakError, match=r"such as 'chose'\) chose the epoch of this model"):
        refuse_seen(ids, SEEN, "this model", "testing")
    refuse_seen(ids, SEEN, "this model", "validation")
    with pytest.raises(LeakError, match="were training objects"):
        refuse_seen(NAMES[:1], SEEN, "this model", "validation")


def test_twins_that_are_allowed_are_told(caplog):
    caplog.set_level("INFO", logger="skybind")
    refuse_twins(np.array(["STAR 1", "x"]), SEEN, "this model", "testing", allow=True)
    assert "1 of the 2 objects for testing (such as 'STAR 1')" in caplog.text


def test_what_several_have_seen_is_joined():
    both = SEEN.joined(
        [Seen.of(np.array(["z"]), observed={"trained": [("image", np.array([7], np.uint64))]})]
    )
    assert len(both.trained_on) == 4
    assert both.hashes["trained", "image"].tolist() == [7]
    assert both.hashes["trained", "photometry"].tolist() == [11, 12]


#: Of a star each: where it is, and the hash of its row; the last has no position.
PLACES = packed(np.array([10.0, 20.0, 30.0, np.nan]), np.zeros(4))
ROWS = np.array([1, 2, 0, 4], np.uint64)
STARS = Seen.of(np.array(list("abcd")), observed={"trained": [(PLACE, PLACES), (ROW, ROWS)]})


def asked(ra, row):
    """What a star is known by."""
    return [(PLACE, packed(np.array([ra]), np.zeros(1))), (ROW, np.array([row], np.uint64))]


@pytest.mark.parametrize(
    ("ra", "row", "what"),
    [
        (10.0, 1, "sure"),
        (10 + 0.9 / 3600, 1, "sure"),
        (10 + 0.9 / 3600, 99, "likely"),  # of a crowded field, or observed anew
        (30.0, 0, "likely"),
        (10 + 1.1 / 3600, 99, None),
        (15.0, 1, "moved"),  # or the same by chance
        (np.nan, 2, "sure"),
        (np.nan, 0, None),
        (15.0, 4, "sure"),  # what was seen has no position
        (np.nan, 99, None),
    ],
)
def test_a_row_is_known_by_its_place_and_its_numbers(ra, row, what):
    found = seen_twins(np.array(["x"]), STARS, "testing", asked(ra, row))
    kinds = ("sure", "likely", "moved")
    assert [kind for kind in kinds if getattr(found, kind)[0]] == ([what] if what else [])
    # under its own name it is no twin
    assert not seen_twins(np.array(["a"]), STARS, "testing", asked(ra, row)).either.any()


def test_a_star_beside_a_seen_one_is_told_in_one_dataset_and_refused_from_elsewhere(caplog):
    caplog.set_level("INFO", logger="skybind")
    ids, observed = np.array(["x"]), asked(10.0, 99)
    with pytest.raises(LeakError, match="catalogue row or position: leave them out"):
        refuse_twins(ids, STARS, "this model", "testing", observed)
    refuse_twins(ids, STARS, "this model", "testing", observed, same=True)
    assert "(such as 'x') are within 1 arcsec of an object that this model has" in caplog.text
    with pytest.raises(LeakError, match="catalogue row or position"):
        refuse_twins(ids, STARS, "this model", "testing", asked(10.0, 1), same=True)


@pytest.mark.parametrize("same", [False, True])
def test_a_row_at_another_place_is_told_and_never_refused(caplog, same):
    caplog.set_level("INFO", logger="skybind")
    refuse_twins(np.array(["x"]), STARS, "this model", "testing", asked(15.0, 1), same=same)
    assert "1 of the 1 objects for testing (such as 'x')" in caplog.text
    assert "have its catalogue row elsewhere" in caplog.text


def test_places_are_kept_with_a_model_and_one_without_says_so(tmp_path, caplog):
    caplog.set_level("INFO", logger="skybind")
    write_seen(tmp_path, STARS)
    again = read_seen(tmp_path, {"files": {"seen.safetensors": ""}})
    assert again.hashes.keys() == STARS.hashes.keys()
    for key, values in STARS.hashes.items():
        np.testing.assert_array_equal(again.hashes[key], values)
    refuse_leak(np.array(["x"]), again, {"weights": "new"}, "testing", asked(50.0, 9))
    assert not caplog.text
    older = read_seen(tmp_path, {})
    for _ in range(2):
        refuse_leak(np.array(["x"]), older, {"weights": "old"}, "testing", asked(10.0, 1))
    assert caplog.text.count("keeps neither positions nor catalogue rows") == 1


def test_what_an_older_skybind_trained_on_stays_known_as_such(tmp_path, caplog):
    """Fine-tuned now on a pre-training of an older skybind, and the other way round."""
    caplog.set_level("INFO", logger="skybind")
    older = Seen.of(np.array(list("cdefg")))
    assert STARS.knows_places
    for number, joined in enumerate((STARS.joined([older]), older.joined([Seen(), STARS]))):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_seen(folder, joined.joined([STARS]))
        again = read_seen(folder, {"files": {"seen.safetensors": ""}})
        assert not again.knows_places
        assert len(again.trained_on) == 7
        for _ in range(2):
            refuse_leak(np.array(["x"]), again, {"weights": folder}, "testing", asked(50.0, 9))
        said = "neither positions nor catalogue rows of the 5 objects"
        assert caplog.text.count(said) == number + 1
        with pytest.raises(LeakError):
            refuse_leak(np.array(["x"]), again, {"weights": folder}, "testing", asked(10.0, 1))
    assert STARS.joined([Seen(), STARS]).knows_places
