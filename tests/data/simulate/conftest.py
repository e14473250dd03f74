import pytest

from skybind.data.simulate import SimulatedSurvey, simulate_stars


@pytest.fixture(scope="session")
def survey() -> SimulatedSurvey:
    return simulate_stars(3000, seed=5)
