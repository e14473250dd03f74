import shutil

from skybind.runs.sharing import share_prepared


def test_arrays_are_shared_and_found_again_where_both_are_moved(tmp_path):
    study = tmp_path / "study"
    for name in ("a", "b"):
        share_prepared(study / "prepared", study / "runs" / name)
    (study / "runs" / "a" / "prepared" / "array").write_text("1")
    assert (study / "runs" / "b" / "prepared" / "array").read_text() == "1"
    moved = study.rename(tmp_path / "moved")
    assert (moved / "runs" / "b" / "prepared" / "array").read_text() == "1"


def test_a_link_that_leads_nowhere_is_made_anew(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "prepared").symlink_to(tmp_path / "another machine" / "prepared")
    share_prepared(tmp_path / "prepared", run)
    assert (run / "prepared").resolve() == tmp_path / "prepared"


def test_arrays_of_its_own_are_left(tmp_path):
    own = tmp_path / "run" / "prepared"
    own.mkdir(parents=True)
    (own / "array").touch()
    share_prepared(tmp_path / "prepared", tmp_path / "run")
    assert not own.is_symlink()
    assert (own / "array").exists()


def test_a_search_of_shared_arrays_that_were_deleted_begins_them_anew(tmp_path):
    """A search takes those of its study, and its trials take those of the search."""
    share_prepared(tmp_path / "prepared", tmp_path / "search")
    shutil.rmtree(tmp_path / "prepared")
    share_prepared(tmp_path / "search" / "prepared", tmp_path / "search" / "trials" / "x")
    (tmp_path / "search" / "trials" / "x" / "prepared" / "array").touch()
    assert (tmp_path / "prepared" / "array").exists()
