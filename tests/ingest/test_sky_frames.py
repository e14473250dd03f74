"""Positions in other frames than ICRS: converted where that is said, else asked about."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.errors import ConfigError
from skybind.ingest.sky_frames import frame_of_names, stated_frame
from skybind.ingest.survey import import_dataset

SKY = SkyCoord([10.0, 200.0, 300.0], [-30.0, 0.5, 80.0], unit="deg")


def imported(folder, file, lon, lat, more=""):
    (folder / "m.yaml").write_text(
        f"objects: {{file: {file}, id: id, ra: {lon}, dec: {lat}, "
        f"features: {{metadata: {{x: x}}}}{more}}}\n"
    )
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    table = Dataset.open(folder / "out").table(["ra", "dec"])
    return table["ra"].to_numpy(), table["dec"].to_numpy(), summary.notes


def write(path, lon, lat, names=("lon", "lat"), **header):
    columns = [["a", "b", "c"], [1.0, 2.0, 4.0], lon, lat]
    table = Table(columns, names=["id", "x", *names], meta=header)
    table.write(path, overwrite=True, **({"format": "votable"} if path.suffix == ".vot" else {}))


@pytest.mark.parametrize("ending", ["csv", "fits"])
@pytest.mark.parametrize("frame", ["galactic", "fk4", "fk5", "icrs"])
def test_what_the_mapping_says_is_converted(tmp_path, frame, ending):
    there = SKY.transform_to(frame).spherical
    write(tmp_path / f"o.{ending}", there.lon.deg, there.lat.deg)
    ra, dec, _ = imported(tmp_path, f"o.{ending}", "lon", "lat", f", frame: {frame}")
    np.testing.assert_allclose(ra, SKY.ra.deg, atol=1e-7)
    np.testing.assert_allclose(dec, SKY.dec.deg, atol=1e-7)


def test_a_position_that_is_half_known_is_unknown(tmp_path):
    there = SKY.galactic
    write(tmp_path / "o.fits", [there.l.deg[0], np.nan, 3000.0], there.b.deg)
    ra, dec, _ = imported(tmp_path, "o.fits", "lon", "lat", ", frame: galactic")
    np.testing.assert_allclose([ra[0], dec[0]], [SKY.ra.deg[0], SKY.dec.deg[0]])
    assert np.isnan([*ra[1:], *dec[1:]]).all()


@pytest.mark.parametrize(
    ("names", "frame"),
    [
        (("GLON", "GLAT"), "galactic"), (("l", "b"), "galactic"), (("lII", "bII"), "galactic"),
        (("gal_lon", "gal_lat"), "galactic"), (("_Glon", "_Glat"), "galactic"),
        (("elon", "elat"), "ecliptic"), (("ecl_lon", "ecl_lat"), "ecliptic"),
        (("RAB1950", "DEB1950"), "fk4"), (("ra_1950", "dec_1950"), "fk4"),
        (("ra", "dec"), None), (("RAJ2000", "DEJ2000"), None), (("lon", "lat"), None),
        (("RA_ICRS", "DE_ICRS"), None), (("longitude", "latitude"), None), (("l", "dec"), None),
    ],
)  # fmt: skip
def test_names_that_tell_a_frame(names, frame):
    assert frame_of_names(*names) == frame


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("glon", "glat"), "look like positions that are galactic, not in ICRS: add 'frame: gal"),
        (("RAB1950", "DEB1950"), "of equinox B1950, not in ICRS: add 'frame: fk4' to convert"),
        (("elon", "elat"), "ecliptic, not in ICRS: they cannot be converted"),
    ],
)
def test_names_of_another_frame_are_asked_about(tmp_path, names, sentence):
    write(tmp_path / "o.csv", SKY.ra.deg, SKY.dec.deg, names)
    with pytest.raises(ConfigError, match=sentence):
        imported(tmp_path, "o.csv", *names)
    ra, _, _ = imported(tmp_path, "o.csv", *names, ", frame: icrs")
    np.testing.assert_allclose(ra, SKY.ra.deg)


@pytest.mark.parametrize("header", [{"EQUINOX": 1950.0}, {"RADESYS": "FK4"}, {"RADECSYS": "FK4"}])
def test_a_header_of_fk4_is_heeded_and_told(tmp_path, header):
    there = SKY.fk4
    write(tmp_path / "o.fits", there.ra.deg, there.dec.deg, ("ra", "dec"), **header)
    ra, dec, notes = imported(tmp_path, "o.fits", "ra", "dec")
    np.testing.assert_allclose(ra, SKY.ra.deg, atol=1e-7)
    np.testing.assert_allclose(dec, SKY.dec.deg, atol=1e-7)
    assert "ra and dec: o.fits states the frame fk4; they were converted to ICRS." in notes


def test_a_header_that_its_columns_belie_is_asked_about(tmp_path):
    write(tmp_path / "o.fits", SKY.ra.deg, SKY.dec.deg, ("RAJ2000", "DEJ2000"), EQUINOX=1950.0)
    with pytest.raises(ConfigError, match="say 'frame: fk4' or 'frame: icrs'"):
        imported(tmp_path, "o.fits", "RAJ2000", "DEJ2000")


def test_a_long_zipped_file_is_heeded_too(tmp_path):
    n = 20_000
    noise = np.random.default_rng(0).random(n)
    columns = [np.arange(n).astype(str), noise, np.linspace(1, 300, n), np.linspace(-80, 80, n)]
    table = Table(columns, names=["id", "x", "ra", "dec"], meta={"EQUINOX": 1950.0})
    table.write(tmp_path / "o.fits.gz")
    assert (tmp_path / "o.fits.gz").stat().st_size > 200_000
    assert stated_frame(tmp_path / "o.fits.gz") == "fk4"


@pytest.mark.parametrize(
    ("header", "frame"),
    [
        ({"EQUINOX": 1975.0}, "FK4 of equinox 1975"),
        ({"EQUINOX": "B1875.0"}, "FK4 of equinox 1875"),
        ({"RADESYS": "FK4", "EQUINOX": 1975.0}, "FK4 of equinox 1975"),
        ({"RADESYS": "FK4-NO-E"}, "FK4-NO-E of equinox 1950"),
        ({"EQUINOX": 2015.5}, "FK5 of equinox 2015.5"),
    ],
)
def test_other_equinoxes_are_asked_about(tmp_path, header, frame):
    write(tmp_path / "o.fits", SKY.ra.deg, SKY.dec.deg, ("ra", "dec"), **header)
    with pytest.raises(ConfigError, match=f"states the frame {frame}, which is not converted"):
        imported(tmp_path, "o.fits", "ra", "dec")
    ra, _, _ = imported(tmp_path, "o.fits", "ra", "dec", ", frame: icrs")
    np.testing.assert_allclose(ra, SKY.ra.deg)


@pytest.mark.parametrize(
    ("first", "own", "image", "frame"),
    [(1950, 2000, None, None), (1950, None, None, "fk4"), (2000, None, 1950, None),
     (None, None, 1950, None), (2000, 1950, 2000, "fk4")],
)  # fmt: skip
def test_the_header_of_the_table_counts_then_the_first(tmp_path, first, own, image, frame):
    parts = [fits.PrimaryHDU(), fits.table_to_hdu(Table({"x": [1.0]})), fits.ImageHDU(np.ones(3))]
    for part, equinox in zip(parts, (first, own, image), strict=True):
        if equinox is not None:
            part.header["EQUINOX"] = float(equinox)
    fits.HDUList(parts).writeto(tmp_path / "o.fits")
    assert stated_frame(tmp_path / "o.fits") == frame


def test_a_header_of_j2000_changes_nothing(tmp_path):
    write(tmp_path / "o.fits", SKY.ra.deg, SKY.dec.deg, EQUINOX=2000.0, RADESYS="ICRS")
    ra, _, notes = imported(tmp_path, "o.fits", "lon", "lat")
    np.testing.assert_array_equal(ra, SKY.ra.deg)
    assert not any("frame" in note for note in notes)
    assert fits.getheader(tmp_path / "o.fits", 1)["EQUINOX"] == 2000


@pytest.mark.parametrize(
    ("systems", "frame"),
    [(["eq_FK4"], "fk4"), (["galactic"], "galactic"), (["eq_FK5"], "icrs"),
     (["eq_FK5", "eq_FK4"], "icrs"), (["FK4"], "fk4"), (["GALACTIC"], "galactic"),
     (["eq_FK4' equinox='B1950"], "fk4"), (["ICRS"], "icrs")],
)  # fmt: skip
def test_the_system_of_a_votable(tmp_path, systems, frame):
    there = SKY.transform_to(frame).spherical
    write(tmp_path / "o.vot", there.lon.deg, there.lat.deg)
    made = "".join(f"<COOSYS ID='s{i}' system='{s}'/>" for i, s in enumerate(systems))
    text = (tmp_path / "o.vot").read_text().replace("<RESOURCE", f"{made}<RESOURCE", 1)
    (tmp_path / "o.vot").write_text(text)
    ra, _, _ = imported(tmp_path, "o.vot", "lon", "lat")
    np.testing.assert_allclose(ra, SKY.ra.deg, atol=1e-7)


@pytest.mark.parametrize(
    ("system", "frame"),
    [
        ("<COOSYS equinox='B1975' system='eq_FK4'/>", "FK4 of equinox 1975"),
        ("<COOSYS system='ecl_FK5'/>", "ecl_fk5"),
        ("<COOSYS equinox='J2000.0'/>", None),
        ("<!-- <COOSYS system='galactic'/> -->", None),
    ],
)
def test_systems_that_are_not_converted(tmp_path, system, frame):
    (tmp_path / "o.vot").write_text(f"<VOTABLE>{system}<RESOURCE/></VOTABLE>")
    assert stated_frame(tmp_path / "o.vot") == frame


def test_tables_are_joined_by_converted_positions(tmp_path):
    there = SKY.galactic
    write(tmp_path / "o.fits", there.l.deg, there.b.deg)
    other = Table([SKY.ra.deg, SKY.dec.deg, [7.0, 8.0, 9.0]], names=["ra", "dec", "y"])
    other.write(tmp_path / "j.csv")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.fits, id: id, ra: lon, dec: lat, frame: galactic, "
        "join: [{file: j.csv, radius: 1, prefix: j_}], features: {metadata: {y: j_y, x: x}}}\n"
    )
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert Dataset.open(tmp_path / "out").numbers("y").tolist() == [7, 8, 9]
