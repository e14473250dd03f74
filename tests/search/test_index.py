import hashlib
import random
import shutil
import sys

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import AlreadyDone, DataError
from skybind.measures.neighbours import exact_nearest
from skybind.search import index_build
from skybind.search.engine import find_nearest
from skybind.search.index import index_folder, open_index, recall_of
from skybind.search.index_build import build_index, build_shard
from skybind.shards import Shard, ShardFolder
from skybind.study.check import check_folder


def survey(seed=0, n=4000, dimension=16):
    """Objects of 40 groups, two views each; the second is missing for a third."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, dimension))
    owner = rng.integers(0, 40, n)
    vectors, present = {}, {}
    for name in ("a", "b"):
        v = centres[owner] + 0.4 * rng.standard_normal((n, dimension))
        vectors[name] = (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)
        present[name] = np.ones(n, bool) if name == "a" else rng.random(n) < 0.67
    ids = np.array([f"o{i}" for i in range(n)])
    return Embeddings(ids, np.full(n, ""), vectors, present, {"weights": "w1"})


@pytest.fixture(scope="module", autouse=True)
def few_queries():
    """So that an index is tuned quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skybind.search.index_train.SAMPLE", 50)
        yield


@pytest.fixture(scope="module")
def built(few_queries, tmp_path_factory):
    pytest.importorskip("faiss")
    folder = tmp_path_factory.mktemp("index") / "embeddings"
    survey().write(folder, shard_rows=1500)
    stream = EmbeddingStream.open(folder)
    return stream, build_index(stream, ["b"], recall=0.95)


def bytes_of(folder):
    """Hash of every file in a folder."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_the_recall_reported_is_what_new_queries_get(built):
    stream, index = built
    queries = survey(seed=0).vectors["b"][:600]
    noise = np.random.default_rng(9).standard_normal(queries.shape) * 0.05
    queries = queries + noise
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    exact = exact_nearest(stream.chunks(["b"]), queries, 10)
    recall = recall_of(index.search(queries, 10).row, exact.row).mean()
    assert set(index.note.recall) == {"a", "b"}
    assert min(index.note.recall.values()) > 0.93
    assert recall == pytest.approx(index.note.recall["b"], abs=0.04)
    assert recall > 0.93
    # it is the lists left out that make the difference
    assert index.note.probes < index.note.lists
    fewer = recall_of(index.search(queries, 10, probes=1).row, exact.row).mean()
    assert fewer < recall


def test_with_all_lists_and_candidates_it_is_the_exact_search(built):
    stream, index = built
    queries = stream.take(np.arange(50), "a")[0]
    exact = exact_nearest(stream.chunks(["b"]), queries, 10)
    found = index.search(queries, 10, probes=index.note.lists, candidates=len(stream))
    np.testing.assert_array_equal(found.row, exact.row)
    np.testing.assert_array_equal(found.cosine, exact.cosine)


def test_it_holds_only_who_was_observed_and_obeys_conditions(built, monkeypatch):
    stream, index = built
    queries = stream.take(np.arange(20), "a")[0]
    keep = np.arange(len(stream)) % 7 == 0
    exact = exact_nearest(stream.chunks(["b"], keep), queries, 5)
    few = index.search(queries, 5, keep)
    np.testing.assert_array_equal(few.row, exact.row)  # all of them are compared
    monkeypatch.setattr("skybind.search.index.FEW", 10)
    many = index.search(queries, 5, keep)
    assert keep[many.row].all()
    assert stream.present(["b"])[many.row].all()
    assert recall_of(many.row, exact.row).mean() > 0.9


def test_cosines_are_exact(built):
    stream, index = built
    query = stream.take(np.arange(50), "a")[0]
    found = index.search(query, 3)
    vectors = survey().vectors["b"][found.row].astype(float)
    np.testing.assert_array_equal(found.cosine, np.einsum("mkd,md->mk", vectors, query))


def test_as_many_matches_as_are_asked_for_are_found(built):
    """More than the lists that are looked at for ten hold."""
    stream, index = built
    queries = stream.take(np.arange(10), "a")[0]
    exact = exact_nearest(stream.chunks(["b"]), queries, 800)
    found = index.search(queries, 800)
    assert (found.row >= 0).all()
    assert recall_of(found.row, exact.row).mean() > 0.9
    keep = np.arange(len(stream)) % 3 == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skybind.search.index.FEW", 10)
        assert (index.search(queries, 800, keep).row >= 0).all()
    several = find_nearest(stream, ["b"], queries[:1], [["a"]], 800, None, index, {})
    assert any("of the 10 nearest" in note for note in several.notes)
    assert not find_nearest(stream, ["b"], queries[:1], [["a"]], 10, None, index, {}).notes


def test_another_recall_is_reached_without_training(built, tmp_path, monkeypatch):
    stream, index = built
    folder = tmp_path / "embeddings"
    shutil.copytree(stream.folder, folder)
    shutil.copytree(index.folder, index_folder(folder, ["b"]))
    again = EmbeddingStream.open(folder)
    assert build_index(again, ["b"]).note == index.note  # what it had to reach
    monkeypatch.setattr(index_build, "train", None)
    whole = build_index(again, ["b"], recall=1.0).note
    assert (whole.wanted, min(whole.recall.values())) == (1.0, 1.0)
    assert whole.probes > index.note.probes
    assert open_index(again, ["b"]).note == whole
    assert build_index(again, ["b"], recall=0.95).note == index.note


def test_another_process_opens_what_was_built(built):
    stream, index = built
    opened = open_index(EmbeddingStream.open(stream.folder), ["b"])
    assert opened.note == index.note
    query = stream.take(np.arange(5), "a")[0]
    np.testing.assert_array_equal(opened.search(query, 4).row, index.search(query, 4).row)


def test_shards_in_any_order_give_the_bytes_of_one_piece(built, tmp_path):
    stream, index = built
    folder = tmp_path / "embeddings"
    shutil.copytree(stream.folder, folder)
    again = EmbeddingStream.open(folder)
    numbers = random.Random(1).sample(range(1, 6), 5)
    for number in numbers[:-1]:
        build_shard(again, ["b"], Shard(number, 5))
    with pytest.raises(DataError, match=rf"1 of 5 shards .* missing \({numbers[-1]}\)"):
        build_index(again, ["b"])
    place, _ = build_shard(again, ["b"], Shard(numbers[-1], 5))
    with pytest.raises(DataError, match="one of 3"):
        build_shard(again, ["b"], Shard(1, 3))
    build_index(again, ["b"])
    assert bytes_of(index_folder(folder, ["b"])) == bytes_of(index.folder)
    assert not place.exists()
    for anew in (False, True):  # the very same would come of it
        with pytest.raises(AlreadyDone, match="in place"):
            build_shard(again, ["b"], Shard(2, 5), anew=anew)
    assert [path.name for path in index.folder.parent.iterdir()] == ["b"]


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize("anew", [True, False])
def test_parts_that_were_left_when_the_index_was_there_are_removed(
    built, tmp_path, monkeypatch, by_hand, anew
):
    """As a process leaves them that is killed when the index has appeared."""
    stream, index = built
    folder = tmp_path / "embeddings"
    shutil.copytree(stream.folder, folder)
    again = EmbeddingStream.open(folder)
    for number in (2, 1) if by_hand else ():
        build_shard(again, ["b"], Shard(number, 2), anew=anew)
    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "discard", lambda self: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            build_index(again, ["b"], anew=anew)
    if by_hand:
        with pytest.raises(AlreadyDone):
            build_shard(again, ["b"], Shard(2, 2), anew=anew)
    monkeypatch.setattr(index_build, "_make_part", None)  # that is done
    build_index(again, ["b"], anew=anew)
    assert bytes_of(index_folder(folder, ["b"])) == bytes_of(index.folder)
    assert [path.name for path in index_folder(folder, ["b"]).parent.iterdir()] == ["b"]


def test_what_was_interrupted_goes_on(built, tmp_path, monkeypatch):
    """Killed between two parts, and again when all were there: no part is made twice."""
    stream, index = built
    folder = tmp_path / "embeddings"
    shutil.copytree(stream.folder, folder)
    monkeypatch.setattr(index_build, "PART", 1500)
    done, own = [], index_build._make_part

    def make(building, shards, shard, out):
        if len(done) == 1:
            done.append(None)
            raise KeyboardInterrupt
        done.append(shard.number)
        return own(building, shards, shard, out)

    monkeypatch.setattr(index_build, "_make_part", make)
    again = EmbeddingStream.open(folder)
    with pytest.raises(KeyboardInterrupt):
        build_index(again, ["b"])
    assert not index_folder(folder, ["b"]).exists()
    monkeypatch.setattr(index_build, "train", None)  # that is done
    with monkeypatch.context() as patch:
        patch.setattr(index_build, "tune", lambda *_: exec("raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            build_index(again, ["b"])
    build_index(again, ["b"])
    assert done == [1, None, 2, 3]
    assert bytes_of(index_folder(folder, ["b"])) == bytes_of(index.folder)
    assert [path.name for path in index_folder(folder, ["b"]).parent.iterdir()] == ["b"]


def test_the_files_do_not_depend_on_memory(built, tmp_path, monkeypatch):
    stream, index = built
    folder = shutil.copytree(stream.folder, tmp_path / "embeddings")
    monkeypatch.setattr(index_build, "LEAST", 500)
    monkeypatch.setattr("skybind.memory.BLOCK", 1e-6)
    written, write = [], index_build.write_lists
    monkeypatch.setattr(
        index_build,
        "write_lists",
        lambda out, n, lists, *more: (written.append(len(lists)), write(out, n, lists, *more)),
    )
    again = build_index(EmbeddingStream.open(folder), ["b"], recall=0.95)
    assert len(written) > 1
    assert sum(written) == index.note.n
    assert bytes_of(again.folder) == bytes_of(index.folder)


def test_what_is_added_is_found_and_the_old_is_not_trained_again(tmp_path):
    pytest.importorskip("faiss")
    folder = tmp_path / "embeddings"
    whole = survey(n=3000)
    folder.mkdir()
    whole.take(np.arange(2000)).write_shard(folder, 0)
    old = build_index(EmbeddingStream.open(folder), ["a", "b"])
    whole.take(np.arange(2000, 3000)).write_shard(folder, 1)
    stream = EmbeddingStream.open(folder)
    with pytest.raises(DataError, match="lacks 1,000 objects"):
        open_index(stream, ["a", "b"])
    centres = old.quantiser.centres
    index = build_index(stream, ["a", "b"])
    np.testing.assert_array_equal(index.quantiser.centres, centres)
    assert (index.note.n, index.note.trained, index.note.rows) == (3000, 2000, 3000)
    assert index.note.advice is None
    queries = whole.mean()[2500:2600]
    exact = exact_nearest(stream.chunks(["a", "b"]), queries, 10)
    found = index.search(queries, 10)
    assert (found.row[:, 0] == np.arange(2500, 2600)).all()
    assert recall_of(found.row, exact.row).mean() > 0.9
    # the queries that recall is measured by know their new neighbours
    assert min(index.note.recall.values()) > 0.9


@pytest.mark.parametrize(("n", "seed", "why"), [(1200, 0, "1,700"), (300, 5, "unlike those")])
def test_an_index_that_was_outgrown_says_so(tmp_path, n, seed, why):
    pytest.importorskip("faiss")
    folder = tmp_path / "embeddings"
    folder.mkdir()
    survey(n=500).write_shard(folder, 0)
    build_index(EmbeddingStream.open(folder), ["a"])
    survey(n=n, seed=seed).write_shard(folder, 1)
    stream = EmbeddingStream.open(folder)
    grown = build_index(stream, ["a"]).note
    assert why in grown.advice
    assert "--anew" in grown.advice
    anew = build_index(stream, ["a"], anew=True).note
    assert anew.advice is None
    assert anew.trained == anew.n == 500 + n


def test_an_index_of_other_embeddings_is_refused(tmp_path):
    pytest.importorskip("faiss")
    folder = tmp_path / "embeddings"
    survey(n=500).write(folder)
    stream = EmbeddingStream.open(folder)
    with pytest.raises(DataError, match="no index of a"):
        open_index(stream, ["a"])
    build_index(stream, ["a"])
    open_index(stream, ["a"])
    survey(n=500, seed=1).write(folder)
    with pytest.raises(DataError, match="other embeddings"):
        open_index(EmbeddingStream.open(folder), ["a"])
    (index_folder(folder, ["a"]) / "index.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        open_index(stream, ["a"])


@pytest.mark.parametrize(
    "name", ["codes.npy", "rows.npy", "starts.npy", "places-0.npy", "quantiser.npz", "truth.npz"]
)
def test_a_damaged_file_is_refused_and_found_by_check(built, tmp_path, name):
    stream, index = built
    folder = tmp_path / "embeddings"
    shutil.copytree(stream.folder, folder)
    shutil.copytree(index.folder, index_folder(folder, ["b"]))
    path = index_folder(folder, ["b"]) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is damaged.*skybind index"):
        open_index(EmbeddingStream.open(folder), ["b"])
    (tmp_path / "status.json").write_text("{}")  # a run's folder
    found = check_folder(tmp_path)
    assert any(name in damage.said for damage in found.damages)


def test_without_faiss_one_sentence_says_what_to_do(tmp_path, monkeypatch, built):
    survey(n=50).write(tmp_path / "embeddings")
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(DataError, match=r"pip install 'skybind\[ann\]'"):
        build_index(EmbeddingStream.open(tmp_path / "embeddings"), ["a"])
    stream, _ = built  # what is built is searched without it
    assert open_index(stream, ["b"]).search(stream.take(np.arange(2), "a")[0], 3).row.min() >= 0


@pytest.mark.parametrize("n", [1, 3, 40])
def test_few_objects_have_an_index_too(tmp_path, n):
    pytest.importorskip("faiss")
    own = survey(n=n)
    own.write(tmp_path / "embeddings")
    stream = EmbeddingStream.open(tmp_path / "embeddings")
    found = build_index(stream, ["a"]).search(own.vectors["a"][:1], 5)
    exact = exact_nearest(stream.chunks(["a"]), own.vectors["a"][:1], 5)
    np.testing.assert_array_equal(found.row, exact.row)


def test_recall_counts_what_was_found():
    exact = np.array([[1, 2, 3], [4, -1, -1], [-1, -1, -1]])
    found = np.array([[3, 9, 1], [4, 7, 8], [1, 2, 3]])
    np.testing.assert_allclose(recall_of(found, exact), [2 / 3, 1, 1])
