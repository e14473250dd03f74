"""What astropy has and other tables have not: positions in any frame, masked ones among them."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from skybind.errors import DataError
from skybind.ingest.frames import frame_of
from skybind.ingest.readers.tables import read_table

SKY = SkyCoord([10.0, 200.0] * u.deg, [-5.0, 60.0] * u.deg)
FRAMES = ["icrs", "galactic", "fk4"]


@pytest.mark.parametrize("frame", FRAMES)
def test_positions_are_taken_to_icrs(frame):
    """As they stand, those of B1950 are half a degree away."""
    sky = SKY.transform_to(frame)
    found = frame_of(QTable({"name": ["a", "b"], "sky": sky}))
    np.testing.assert_allclose(found.flat["ra"], SKY.ra.deg, atol=1e-9)
    np.testing.assert_allclose(found.flat["dec"], SKY.dec.deg, atol=1e-9)
    assert found.units["ra"] == found.units["dec"] == "deg"


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("ending", ["ecsv", "fits"])
def test_positions_in_files(tmp_path, frame, ending):
    path = tmp_path / f"a.{ending}"
    table = QTable({"name": ["a", "b"], "sky": SKY.transform_to(frame)})
    table.write(path, format={"ecsv": "ascii.ecsv"}.get(ending, ending))
    found = read_table(path.read_bytes(), str(path))
    np.testing.assert_allclose(found.columns["sky.ra"], SKY.ra.deg, atol=1e-9)
    np.testing.assert_allclose(found.columns["sky.dec"], SKY.dec.deg, atol=1e-9)
    assert found.units == {"sky.ra": "deg", "sky.dec": "deg"}
    alone = read_table(path.read_bytes(), str(path), columns=["sky.dec"])
    assert list(alone.columns) == ["sky.dec"]


def test_positions_that_have_no_place_on_the_sky_are_refused():
    table = QTable({"sky": SkyCoord([1] * u.deg, [2] * u.deg, frame="altaz")})
    with pytest.raises(DataError, match="'sky' cannot be taken to ICRS"):
        frame_of(table)
