import pytest

from skybind.data.simulate import SimulatedSurvey, simulate_stars


@pytest.fixture(scope="session")
def survey() -> SimulatedSurvey:
    return simulate_stars(2500, seed=5)
