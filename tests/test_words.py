from skybind.words import nearest


def test_the_nearest_name_or_all_or_that_there_are_none():
    assert nearest("periot", ["period", "ra"]) == "did you mean 'period'?"
    assert nearest("x", ["period", "ra"]) == "known are period, ra."
    assert nearest("x", []) == "there are none."
