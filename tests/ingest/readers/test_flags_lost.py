"""A flag that leaves epochs out in a format, and is not there: told, or refused."""

import pytest

from skybind.errors import SkybindError
from tests.ingest.curve_files import given, import_file, only
from tests.ingest.written import aavso, alerce, gaia, skypatrol

TOLD = {
    "aavso": (aavso.download, "Validation Flag"),
    "alerce": (alerce.written, "dubious"),
    "gaia": (lambda path: gaia.files(path.parent, "individual.csv"), "rejected_by_variability"),
    "gaia transits": (
        lambda path: gaia.files(path.parent, "transits.csv"), "variability_flag_bp_reject"
    ),
}  # fmt: skip
UNITS = {"aavso": "magnitude", "alerce": "flux", "gaia": "magnitude", "gaia transits": "magnitude"}


def without(path, column):
    """Call a column otherwise."""
    text = path.read_text()
    assert column in text
    path.write_text(text.replace(column, "something"))
    return path


@pytest.mark.parametrize("which", TOLD)
def test_that_nothing_is_left_out_is_told(tmp_path, which):
    write, column = TOLD[which]
    path, format = without(write(tmp_path / "1.csv"), column), which.split()[0]
    said = f"no column '{column}', so nothing is left out by that flag"
    assert any(said in note for note in import_file(path, format).summary.notes)
    brightness = UNITS[which]
    units = {brightness: "mJy" if brightness == "flux" else "mag"}
    assert any(said in note for note in given(path, format, band=None, **units).notes)


def test_with_its_flags_nothing_is_told(tmp_path):
    for write, path, format in (
        (aavso.download, tmp_path / "1.csv", "aavso"),
        (aavso.extended, tmp_path / "2.txt", "aavso"),
        (alerce.written, tmp_path / "3.csv", "alerce"),
    ):
        notes = import_file(write(path), format).summary.notes
        assert not any("left out by that flag" in note for note in notes)


@pytest.mark.parametrize(("word", "bad"), [("", 0), ("nan", 0), ("T", 1), ("maybe", None)])
def test_a_word_that_is_no_flag_is_refused(tmp_path, word, bad):
    """Of the first detection; the last one is dubious as it is written."""
    rows = [dict(alerce.DETECTIONS[0], dubious=word), *alerce.DETECTIONS[1:]]
    path = alerce.written(tmp_path / "1.csv", rows)
    if bad is None:
        with pytest.raises(SkybindError, match="'maybe' says neither"):
            given(path, "alerce", flux="mJy", flux_err="mJy")
    else:
        assert len(only(import_file(path, "alerce"))["time"]) == 3 - bad


def test_epochs_of_unknown_quality_are_refused(tmp_path):
    path = without(skypatrol.written(tmp_path / "1.csv"), "quality")
    with pytest.raises(SkybindError, match="has no column 'quality'"):
        import_file(path, "skypatrol")
