import logging
import os
import subprocess
import sys

import pytest

from skybind.errors import ConfigError
from skybind.progress import VERBOSE, log, muted, say, set_verbosity, speaking, verbosity


@pytest.fixture(autouse=True)
def afterwards_quiet():
    yield
    set_verbosity("quiet")


def python(code, **variables):
    """Run a script whose messages go into a pipe."""
    environment = {k: v for k, v in os.environ.items() if k != "SKYBIND_LOG"} | variables
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("quiet", ["warning"]),
        ("normal", ["normal", "warning"]),
        ("verbose", ["verbose", "normal", "warning"]),
        ("debug", ["debug", "verbose", "normal", "warning"]),
        ("ERROR", []),
        (logging.INFO, ["normal", "warning"]),
    ],
)
def test_a_level_decides_what_is_told(capsys, level, told):
    set_verbosity(level)
    say("debug", logging.DEBUG)
    say("verbose", VERBOSE)
    say("normal")
    log.warning("warning")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split()[-1] for line in captured.err.splitlines()] == told
    assert speaking() == ("normal" in told)


def test_an_unknown_level_is_refused():
    set_verbosity("normal")
    with pytest.raises(ConfigError, match="no level of messages 'verbos': did you mean 'verbose'"):
        set_verbosity("verbos")
    assert verbosity() == logging.INFO


def test_messages_are_records_of_the_logger(caplog, capsys):
    set_verbosity("normal")
    say("epoch [1/2] of {everything} 100 %")
    assert caplog.record_tuples == [("skybind", logging.INFO, "epoch [1/2] of {everything} 100 %")]
    assert capsys.readouterr().err == "epoch [1/2] of {everything} 100 %\n"


def test_what_is_muted_is_told_to_those_who_want_to_know_more(capsys):
    for level, told in (("normal", ["after"]), ("verbose", ["inside", "after"])):
        set_verbosity(level)
        with muted():
            say("inside")
        say("after")
        assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == told
    set_verbosity("normal")
    with muted():
        log.warning("beware")
    assert capsys.readouterr().err == "warning: beware\n"


def test_a_long_line_is_whole_in_a_pipe(capsys):
    set_verbosity("normal")
    say("word " * 100 + "/a/path" * 50)
    assert len(capsys.readouterr().err.splitlines()) == 1


SAY = "from skybind.progress import log, say; say('a step'); log.warning('beware')"


def test_a_script_in_a_pipe_is_told_warnings_only():
    assert python(SAY).stderr == "warning: beware\n"


def test_a_program_with_its_own_logging_gets_each_message_once():
    own = "import logging; logging.basicConfig(level='INFO', format='own: %(message)s'); "
    assert python(own + SAY).stderr == "own: a step\nown: beware\n"


def test_the_environment_sets_the_level_and_a_file(tmp_path):
    assert python(SAY, SKYBIND_LOG="normal").stderr == "a step\nwarning: beware\n"
    file = tmp_path / "run.log"
    for _ in range(2):  # what another program wrote stays
        python(SAY, SKYBIND_LOG=f"normal:{file}")
    lines = [line.split(" ", 2)[2] for line in file.read_text().splitlines()]
    assert lines == ["INFO a step", "WARNING beware"] * 2


@pytest.mark.parametrize("wish", ["verbos", "normal:/no/such/folder/run.log"])
def test_an_environment_that_cannot_be_heeded_is_said_and_stops_nothing(wish):
    told = python(SAY, SKYBIND_LOG=wish).stderr
    assert told.startswith("warning: SKYBIND_LOG is not heeded: ")
    assert "Traceback" not in told
    assert told.endswith("warning: beware\n")


def test_messages_cost_nothing_at_the_start():
    heavy = "import sys; import skybind.progress; print('rich' in sys.modules)"
    assert python(heavy).stdout.strip() == "False"


def test_a_process_can_be_hushed():
    hush = "from skybind.progress import hush, set_verbosity; set_verbosity('debug'); hush(); "
    step = "; from skybind.progress import step, speaking\nwith step('x'): print(speaking())"
    done = python(hush + SAY + step)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    ("started", "speaks"),
    [
        ({"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, True),
        ({"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}, False),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, False),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "1"}, True),  # a job of its own
    ],
)
def test_the_first_of_several_processes_speaks(started, speaks):
    told = python(SAY, SKYBIND_LOG="normal", **started).stderr
    assert told == ("a step\nwarning: beware\n" if speaks else "")


def command(*words, **variables):
    """Run a command whose messages go into a pipe."""
    environment = {k: v for k, v in os.environ.items() if k != "SKYBIND_LOG"} | variables
    words = [sys.executable, "-m", "skybind", *map(str, words)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)


def test_the_command_line_tells_its_steps_in_a_pipe(tmp_path):
    words = ("simulate", "stars", tmp_path / "stars", "-n", 20, "--overwrite")
    told = command(*words).stderr.splitlines()
    first, last = [line for line in told if not line.startswith("at work")]  # if it starts slowly
    assert first == "simulating: 20 objects"
    assert last.startswith("simulating: 20 objects in ")
    assert command(*words, "-q").stderr == ""
    assert command(*words, SKYBIND_LOG="quiet").stderr == ""
    told = command(*words, SKYBIND_LOG="verbos").stderr.splitlines()
    assert told[0].startswith("warning: SKYBIND_LOG is not heeded")
    assert first in told  # the rest as without


def test_an_error_is_one_sentence_and_its_origin_is_for_debugging(tmp_path):
    words = ("config", "show", "stars-smal")
    told = command(*words, SKYBIND_LOG=f"quiet:{tmp_path / 'log'}")
    assert told.returncode == 2
    assert told.stderr.startswith("skybind: There is no configuration 'stars-smal'")
    assert told.stderr.count("\n") == 1
    assert "ERROR There is no configuration 'stars-smal'" in (tmp_path / "log").read_text()
    told = command(*words, "-vv").stderr
    assert "Traceback" in told
    assert told.splitlines()[-1].startswith("skybind: There is no configuration 'stars-smal'")
