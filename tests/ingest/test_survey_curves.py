"""Files of surveys without a mapping: as they are known, and tables of many objects."""

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.ingest.given_files import take_file, take_files
from skybind.ingest.survey_curves import read_survey_curves
from tests.ingest.curve_files import wanted

CSV = """\
oid,expid,hjd,mjd,mag,magerr,catflags,filtercode,ra,dec
{one},1,2458197.7,58197.2,16.1,0.01,0,zg,280.8,45.2
{one},2,2458198.7,58198.2,16.3,0.02,0,zg,280.8,45.2
{one},3,2458199.7,58199.2,21.9,0.30,32768,zg,280.8,45.2
{two},1,2458197.8,58197.3,15.1,0.01,0,zr,280.9,45.2
{two},2,2458198.8,58198.3,15.3,0.02,0,zr,280.9,45.2
"""
ONE, TWO = "446210400009872", "446210400009873"
MAGNITUDES = wanted(magnitude="mag", magnitude_err="mag", band=None)


@pytest.fixture
def both(tmp_path):
    (tmp_path / "both.csv").write_text(CSV.format(one=ONE, two=TWO))
    return tmp_path / "both.csv"


@pytest.fixture
def single(tmp_path):
    lines = CSV.format(one=ONE, two=TWO).splitlines(keepends=True)
    (tmp_path / "one.csv").write_text("".join(lines[:4]))
    return tmp_path / "one.csv"


def test_flagged_epochs_are_left_out_and_objects_told_apart(both):
    curves = read_survey_curves(both, both.read_bytes(), "ztf")
    assert curves.objects == 2
    assert curves.names.tolist() == [ONE, ONE, TWO, TWO]
    np.testing.assert_allclose(curves.fields["magnitude"], [16.1, 16.3, 15.1, 15.3], rtol=1e-6)
    assert set(curves.fields) == {"time", "magnitude", "magnitude_err", "band", "flag"}
    assert curves.notes == ["both.csv: 1 flagged epochs are left out."]


def test_a_table_of_many_objects_is_taken_as_such(both):
    found = take_file(both, MAGNITUDES)
    assert found.dataset.column("object_id").tolist() == [ONE, TWO]
    curves = found.dataset.ragged("photometry")
    np.testing.assert_allclose(curves.fields["magnitude"], [16.1, 16.3, 15.1, 15.3], rtol=1e-6)
    np.testing.assert_allclose(curves.fields["time"][:2], [2458197.7, 2458198.7], atol=1e-6)
    assert any("flagged" in note for note in found.notes)


def test_files_of_one_object_each(single, both):
    found = take_files([single, both], MAGNITUDES)
    curves = found.dataset.ragged("photometry")
    assert curves.present.tolist() == [True, False]
    assert any("holds 2 objects" in str(reason) for reason in found.reasons["photometry"])


@pytest.mark.parametrize(("apart", "objects"), [(0.5, 1), (5, 2)])
def test_names_by_filter_of_one_star_are_one_object(tmp_path, apart, objects):
    text = CSV.format(one=ONE, two=TWO).replace(",280.9,", f",{280.8 + apart / 3600},")
    (tmp_path / "cone.csv").write_text(text)
    curves = read_survey_curves(tmp_path / "cone.csv", text.encode(), "ztf")
    assert curves.objects == objects
    said = "cone.csv: all of oid lie within 2 arcsec: taken as one."
    assert (said in curves.notes) == (objects == 1)


def test_a_damaged_file_of_a_survey_is_told(tmp_path):
    path = tmp_path / "OGLE-1.dat"
    path.write_text("56000.1 18.3 0.04\n56001.1 18.4 0.04\n")
    with pytest.raises(DataError, match="neither Julian dates nor"):
        take_file(path, MAGNITUDES)
