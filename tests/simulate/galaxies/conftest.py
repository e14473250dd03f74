import pytest

from skybind.simulate import SimulatedSurvey
from skybind.simulate.galaxies import simulate_galaxies


@pytest.fixture(scope="session")
def galaxies() -> SimulatedSurvey:
    return simulate_galaxies(192, seed=5, wrong_redshifts=0.1, artefacts=0.1, wrong_spectra=0.0)
