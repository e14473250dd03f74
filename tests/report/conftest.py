import pytest

from tests.report.made_up import make_run


@pytest.fixture
def run():
    return make_run()
