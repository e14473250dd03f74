"""The mappings of examples/: each reads, and imports the real survey where the data are here."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.suspicions import find_suspicions
from skybind.ingest.mapping import load_mapping
from skybind.ingest.survey import import_dataset

EXAMPLES = Path(__file__).parents[1] / "examples"
DATA = Path(__file__).parents[2] / "shared" / "data"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")


def test_every_survey_is_there():
    expected = ["catalina-north", "catalina-south", "chandra", "sdss-spirals", "supernovae"]
    assert expected == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_reads_and_says_where_the_data_come_from(name):
    mapping = load_mapping(EXAMPLES / f"{name}.yaml")
    assert mapping.provenance
    assert mapping.objects.file.startswith("../../shared/data/")


def imported(name, folder):
    """Import a survey, see that it breaks no rule, and give it with what is worth a look."""
    report = import_dataset(EXAMPLES / f"{name}.yaml", folder / name)
    assert check_dataset(folder / name) == []
    found = {(v.where, v.what.split(" (")[0]): v.count for v in find_suspicions(folder / name)}
    return Dataset.open(folder / name), report, found


@needs_data
def test_chandra(tmp_path):
    dataset, report, found = imported("chandra", tmp_path)
    assert len(dataset) == 2053
    assert report.observed == {"xray": 2053, "optical": 1885}
    assert found == {}
    classes = Counter(dataset.labels().tolist())
    assert classes["AGN"] == 973
    assert classes["HMXB"] == 18
    assert len(classes) == 8
    assert not any(name.startswith("P_") or name == "CT" for name in dataset.columns)
    star = dataset["2CXO J000230.7+004959"]
    assert star.flux_soft.to_value("erg / (s cm2)") == pytest.approx(5.7e-14)
    assert star.parallax.to_value("mas") == pytest.approx(0.3)


@needs_data
def test_catalina_south(tmp_path):
    dataset, report, found = imported("catalina-south", tmp_path)
    assert len(dataset) == 8937
    assert report.observed == {"photometry": 8937}
    assert report.repaired["photometry"] == {
        "duplicate epochs": 2332,
        "epochs of an impossible date": 1,
    }
    assert found == {}
    classes = Counter(dataset.labels().tolist())
    assert classes["RRab"] == 1296
    assert len(classes) == 13
    assert sum(label != "" for label in dataset.labels("asas").tolist()) == 1110
    star = dataset["3019021001365"]
    assert star.period.to_value("d") == pytest.approx(0.488194793)
    assert star.photometry.time[0].to_value("d") == pytest.approx(2453556.25707, abs=1e-5)  # MJD


@needs_data
def test_catalina_north(tmp_path):
    dataset, report, found = imported("catalina-north", tmp_path)
    assert len(dataset) == 4028
    assert report.observed == {"photometry": 4028, "spectrum": 168}
    assert report.repaired["photometry"] == {"epochs of an impossible date": 3}
    # two entries of the survey are one star, at one position
    twin = "has a twin"
    assert found == {("object_id", twin): 2}
    spectra = dataset.ragged("spectrum").fields
    good = ~spectra["mask"]
    # stored as 4096 times what they are, beside errors that are not: both in one unit now
    assert dataset.schema.fields("spectrum")["flux_err"] == "0.000244140625"
    assert np.median(spectra["flux"][good]) == pytest.approx(4096, rel=0.05)
    assert 10 < np.median(spectra["flux"][good] / spectra["flux_err"][good]) < 40


@needs_data
def test_supernovae(tmp_path):
    dataset, report, found = imported("supernovae", tmp_path)
    assert len(dataset) == 2641
    assert report.observed == {"photometry": 1940, "spectrum": 1163, "catalogue": 1908}
    assert report.repaired["photometry"]["upper limits"] == 262_079
    assert report.repaired["photometry"]["magnitudes that no star has"] == 6340
    mixed = "light curves of several photometric systems in one band"
    assert report.repaired["photometry"][mixed] == 111
    classes = Counter(dataset.labels().tolist())
    assert classes["Ia"] == 1437
    assert classes[""] == 700
    assert "Candidate" not in classes
    # true of the data: some sources give one error for all epochs, four entries are two supernovae
    assert found == {
        ("photometry.magnitude_err", "is one number for every epoch of a curve"): 4,
        ("object_id", "has a twin"): 4,
    }
    epochs, limits = len(dataset.ragged("photometry").owner), dataset.ragged("photometry_limits")
    assert epochs + len(limits.owner) <= 405_131


@needs_data
@pytest.mark.slow
def test_sdss_spirals(tmp_path):
    dataset, report, found = imported("sdss-spirals", tmp_path)
    assert len(dataset) == 5134
    assert report.observed == {"image": 5133, "hydrogen": 514}
    assert found == {}
    assert np.isfinite(dataset.numbers("log_hydrogen_mass")).sum() == 514
    assert dataset.schema.attributes("image")["pixel_scale"] == 0.2
    assert dataset.schema.attributes("image")["stretch"] == "display"
