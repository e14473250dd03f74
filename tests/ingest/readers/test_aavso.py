"""AAVSO: downloads and the extended format."""

import csv

import numpy as np
import pytest

from tests.ingest.curve_files import given, import_file, only

HEADER = """\
JD,Magnitude,Uncertainty,HQuncertainty,Band,Observer Code,Comment Code(s),Comp Star 1,Comp Star 2,\
Charts,Comments,Transfomed,Airmass,Validation Flag,Cmag,Kmag,HJD,Star Name,Observer Affiliation,\
Measurement Method,Grouping Method,ADS Reference,Digitizer,Credit"""
#: JD, magnitude, uncertainty, band, validation flag.
ROWS = [
    ("2457000.5", "9.1", "", "Vis.", "Z"),
    ("2457001.5", "<15.2", "", "Vis.", "V"),
    ("2457002.5", "9.35", "0.01", "V", "V"),
    ("2457003.5", "11.9", "0.02", "V", "T"),
    ("2457004.5", "9.4:", "", "Vis.", "U"),
]


def download(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER.split(","), restval="")
        writer.writeheader()
        for jd, magnitude, error, band, flag in ROWS:
            writer.writerow({"JD": jd, "Magnitude": magnitude, "Uncertainty": error, "Band": band,
                             "Validation Flag": flag, "Star Name": "MIRA", "Observer Code": "ABC",
                             "Comments": 'clouds, "moon"'})  # fmt: skip
    return path


EXTENDED = """\
#TYPE=EXTENDED
#OBSCODE=TST01
#SOFTWARE=GCX 2.0
#DELIM={delimiter}
#DATE={date}
#OBSTYPE=CCD
#NAME,DATE,MAG,MERR,FILT,TRANS,MTYPE,CNAME,CMAG,KNAME,KMAG,AMASS,GROUP,CHART,NOTES
SS CYG,2450702.1234,11.135,0.003,V,NO,{mtype},105,na,110,na,na,na,070613,na
SS CYG,2450702.1254,11.335,na,V,NO,STD,105,na,110,na,na,na,070613,na
SS CYG,2450702.1264,<14.0,na,V,NO,STD,105,na,110,na,na,na,070613,na
SS CYG,2450702.1274,11.435,0.004,B,NO,STD,105,na,110,na,na,na,070613,na
"""


def extended(path, delimiter=",", date="HJD", mtype="STD"):
    text = EXTENDED.format(delimiter="comma" if delimiter == "," else delimiter, date=date,
                           mtype=mtype)  # fmt: skip
    head, body = text.split("#NAME", 1)
    path.write_text(head + "#NAME" + body.replace(",", delimiter))
    return path


def test_a_download_without_limits_and_discrepant_observations(tmp_path):
    found = import_file(download(tmp_path / "1.csv"), "aavso")
    curve = only(found)
    np.testing.assert_array_equal(curve["time"], [2457000.5, 2457002.5, 2457004.5])
    np.testing.assert_allclose(curve["magnitude"], [9.1, 9.35, 9.4], rtol=1e-6)
    # visual observations have no error; each is given the only one that is known
    np.testing.assert_allclose(curve["magnitude_err"], 0.01, rtol=1e-6)
    assert curve["band"].tolist() == ["Vis.", "V", "Vis."]
    assert found.column.attributes["time_system"] == "JD"
    repaired = found.summary.repaired["photometry"]
    assert (repaired["upper limits"], repaired["epochs flagged as bad"]) == (1, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_the_extended_format(tmp_path, delimiter):
    found = import_file(extended(tmp_path / "1.txt", delimiter), "aavso")
    curve = only(found)
    np.testing.assert_allclose(curve["time"], [2450702.1234, 2450702.1254, 2450702.1274])
    np.testing.assert_allclose(curve["magnitude"], [11.135, 11.335, 11.435], rtol=1e-6)
    assert curve["band"].tolist() == ["V", "V", "B"]
    assert found.column.attributes["time_system"] == "HJD"
    assert found.summary.repaired["photometry"]["upper limits"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"date": "EXCEL"}, "has dates as EXCEL"), ({"mtype": "DIF"}, "differences to a comparison")],
)
def test_what_cannot_be_read_is_refused(tmp_path, change, message):
    with pytest.raises(Exception, match=message):
        import_file(extended(tmp_path / "1.txt", **change), "aavso")


@pytest.mark.parametrize("write", [download, extended])
def test_a_file_to_search_with(tmp_path, write):
    path = write(tmp_path / "1.csv")
    found = given(path, magnitude="mag", magnitude_err="mag")
    assert len(found.fields["time"]) == 3
    assert "1.csv: read as AAVSO light curve." in found.notes
    assert "1.csv: 1 upper limits are left out." in found.notes
