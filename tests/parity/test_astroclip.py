"""AstroCLIP to the digit: against numbers of the public codes.

`make_astroclip.py` tells which codes at which commits, and how the golden files were made.
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from skybind.modalities.rgb import stein_rgb

GOLDEN = load_file(Path(__file__).parent / "astroclip" / "outputs.safetensors")


@pytest.mark.parametrize("bands", ["grz", "zgr"])
def test_the_stretch_of_steins_data_loader(bands):
    flux = np.moveaxis(GOLDEN["stein.flux"], -1, 1)[:, ["grz".index(band) for band in bands]]
    made = stein_rgb(flux, bands)
    np.testing.assert_allclose(np.moveaxis(made, 1, -1), GOLDEN["stein.image"], rtol=0, atol=1e-6)
    assert made.dtype == np.float32
    assert (made == 1).any()
    assert (made == 0).any()
    assert ((made > 0) & (made < 1)).any()
