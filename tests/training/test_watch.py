from skybind.training.watch import tell_watchers, watched


def test_those_who_look_on_are_told_while_they_do():
    told = []

    def watcher(title, history):
        told.append((title, len(history)))

    tell_watchers("pre-training", [{}])
    with watched(watcher):
        tell_watchers("pre-training", [{}, {}])
    tell_watchers("pre-training", [{}])
    assert told == [("pre-training", 2)]
