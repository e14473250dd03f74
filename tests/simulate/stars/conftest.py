import pytest

from skybind.simulate import SimulatedSurvey, simulate_stars


@pytest.fixture(scope="session")
def survey() -> SimulatedSurvey:
    return simulate_stars(2500, seed=5)
