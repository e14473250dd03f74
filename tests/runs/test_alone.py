"""Two programs in one run: one starts it, one at a time changes it, and none loses what it made."""

import threading
from contextlib import contextmanager

import numpy as np
import pytest

import skybind.runs.run as run_module
from skybind.config import load_config
from skybind.discovery.discover import DiscoverOptions, discover
from skybind.errors import ConfigError, DataError
from skybind.evaluation.clusters import cluster_again
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.predict import predict_table
from skybind.evaluation.records import read_metrics
from skybind.labelling.train import train_with_answers
from skybind.locks import alone
from skybind.once import lock_of
from skybind.report.from_run import report_data, write_report
from skybind.runs.alone import LOCK, changes_run, starting
from skybind.runs.cases import finished_cases
from skybind.runs.classes import case_classes
from skybind.runs.run import Run
from tests.faults.made import CASE, SETS, copied, made


def never(who):
    pytest.fail("the lock was free")


@contextmanager
def held(lock):
    """Be another program that holds a lock."""
    with alone(lock, otherwise=never):
        yield


@contextmanager
def beside(work, caplog):
    """Begin some work that has to wait for what this thread holds, and end when it has."""
    caplog.set_level("INFO", logger="skybind")
    done = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    thread.join(0.5)
    for _ in range(100):
        if "is waited for" in caplog.text or not thread.is_alive():
            break
        thread.join(0.1)
    assert thread.is_alive()
    assert not done
    yield done, thread


def started(folder, seed):
    return Run.start(load_config("stars-small", [*SETS, f"seed={seed}"]), made() / "stars", folder)


@pytest.mark.parametrize("seed", [7, 8])
def test_a_run_that_another_program_started_meanwhile_is_kept(tmp_path, monkeypatch, seed):
    """The second one goes on with it, or is told that it is another."""
    made()  # before its check is another one
    check, first = run_module.check_cases, []

    def slow(run):
        check(run)
        if not first:
            first.append(run)
            started(tmp_path / "run", 7)
            (tmp_path / "run" / "pretrain").mkdir()
            (tmp_path / "run" / "pretrain" / "last.ckpt").write_text("hours of training")

    monkeypatch.setattr(run_module, "check_cases", slow)
    if seed == 7:
        assert started(tmp_path / "run", 7).config.seed == 7
    else:
        with pytest.raises(ConfigError, match="another configuration"):
            started(tmp_path / "run", 8)
    assert Run.open(tmp_path / "run").config.seed == 7
    assert (tmp_path / "run" / "pretrain" / "last.ckpt").read_text() == "hours of training"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_start_waits_for_one_that_is_being_written(tmp_path, caplog):
    with (
        starting(tmp_path / "run"),
        beside(lambda: started(tmp_path / "run", 7), caplog) as (done, thread),
    ):
        assert "starts the run in" in caplog.text
        assert not (tmp_path / "run").exists()
    thread.join(60)
    assert len(done) == 1


@pytest.mark.parametrize(
    ("work", "writes"),
    [
        (lambda run: evaluate_run(run, finished_cases(run)), "metrics.json"),
        (cluster_again, "metrics.json"),
        (lambda run: discover(run, DiscoverOptions(map_method="pca")), "discover/discover.json"),
        (write_report, "report.html"),
    ],
)
def test_what_writes_in_a_run_waits_for_another_program_and_says_so(tmp_path, caplog, work, writes):
    run = Run.open(copied(tmp_path) / "run")

    def files():
        written = [path for path in run.folder.rglob("*") if not path.name.startswith(LOCK)]
        return {path: path.stat().st_mtime_ns for path in written if path.is_file()}

    before = files()
    with held(run.folder / LOCK), beside(lambda: work(run), caplog) as (done, thread):
        assert f"is at work on the run in {run.folder}; it is waited for" in caplog.text
        assert files() == before
    thread.join(120)
    assert not thread.is_alive()
    assert not (run.folder / LOCK).exists()
    assert len(done) == 1  # without an error
    path = run.folder / writes
    assert files()[path] != before.get(path)


def test_training_with_answers_waits_for_another_program(tmp_path, caplog):
    """Whether there are answers is asked when that one is done, which may have taken some."""
    run = Run.open(copied(tmp_path) / "run")

    def told():
        with pytest.raises(DataError, match="has no answers yet") as error:
            train_with_answers(run)
        return error

    with held(run.folder / LOCK), beside(told, caplog) as (done, thread):
        assert f"is at work on the run in {run.folder}; it is waited for" in caplog.text
    thread.join(120)
    assert len(done) == 1


def test_what_only_reads_waits_for_nobody(tmp_path):
    copied(tmp_path)
    run = Run.open(tmp_path / "run")
    case_classes(run, CASE)
    report_data(run)
    with held(run.folder / LOCK), held(lock_of(run.folder)), held(lock_of(run.paths.embeddings)):
        again = Run.open(tmp_path / "run")
        assert read_metrics(again.paths.metrics)
        assert report_data(again)
        assert predict_table(again, "period").known
        assert len(case_classes(again, CASE).table)
        assert started_again(again).config.seed == run.config.seed


def started_again(run):
    """The same command as before goes on with a run that another program is at work on."""
    return Run.start(run.config, run.dataset.path, run.folder)


@changes_run
def samples_of(run):
    return run.config.evaluation.island_samples


def test_keys_that_another_program_sets_while_it_is_waited_for_count(tmp_path, caplog):
    """Numbers of the metrics are those of the configuration that stands beside them."""
    run = Run.open(copied(tmp_path) / "run")
    assert samples_of(run) != 7
    with held(run.folder / LOCK), beside(lambda: samples_of(run), caplog) as (done, thread):
        text = run.paths.config.read_text()
        was = f"island_samples: {run.config.evaluation.island_samples}\n"
        assert was in text
        run.paths.config.write_text(text.replace(was, "island_samples: 7\n"))
    thread.join(60)
    assert done == [7]


def test_keys_that_another_program_set_since_the_run_was_opened_are_kept(tmp_path):
    copied(tmp_path)
    one, two = Run.open(tmp_path / "run"), Run.open(tmp_path / "run")
    two.change_evaluation(island_radius=0.123)
    one.change_evaluation(island_samples=7)
    again = Run.open(tmp_path / "run").config.evaluation
    assert (again.island_radius, again.island_samples) == (0.123, 7)
    assert samples_of(two) == 7


def test_a_start_with_other_keys_waits_for_who_is_at_work(tmp_path, caplog):
    run = Run.open(copied(tmp_path) / "run")
    other = run.config.evaluation.model_copy(update={"island_samples": 7})
    config = run.config.model_copy(update={"evaluation": other})
    with (
        held(run.folder / LOCK),
        beside(lambda: Run.start(config, run.dataset.path, run.folder), caplog) as (done, thread),
    ):
        assert Run.open(run.folder).config.evaluation.island_samples != 7
    thread.join(60)
    assert done[0].config.evaluation.island_samples == 7
    assert Run.open(run.folder).config.evaluation.island_samples == 7


def test_a_step_may_do_another_one(tmp_path):
    run = Run.open(copied(tmp_path) / "run")

    @changes_run
    def inner(own):
        return (own.folder / LOCK).exists()

    @changes_run
    def outer(own):
        return inner(own)

    assert outer(run)
    assert inner(run)
    assert not (run.folder / LOCK).exists()


def test_subsets_that_two_programs_draw_are_both_kept(tmp_path):
    copied(tmp_path)
    one, two = Run.open(tmp_path / "run"), Run.open(tmp_path / "run")
    one.draw_subsets(["20"])
    two.draw_subsets(["3-each"])
    again = Run.open(tmp_path / "run")
    assert {"20", "3-each"} <= set(again.split.subsets)
    np.testing.assert_array_equal(again.split.subsets["20"], one.split.subsets["20"])
    assert again.split.hash == two.split.hash
