import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.errors import AlreadyDone, ConfigError, DataError, ModelError
from skybind.models.model import Model
from skybind.models.reliability import read_reliability
from skybind.runs import classify as classifying
from skybind.runs.cases import finished_cases
from skybind.runs.classes import case_classes
from skybind.runs.classify import classify_anything
from skybind.runs.embedding import embed_anything
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.shards import Shard
from skybind.tables import GROUP

FILES = Path(__file__).parents[1] / "data" / "v0.1"
WIDEST = "photometry+spectrum+metadata-full-pretrained"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run of 60 stars with four classifiers, and its dataset."""
    folder = tmp_path_factory.mktemp("classify")
    for name in ("stars", "stars-run"):
        shutil.copytree(FILES / name, folder / name)
    status = folder / "stars-run" / "status.json"
    note = json.loads(status.read_text())
    status.write_text(json.dumps({**note, "data": str(folder / "stars")}))
    return folder


def read(path):
    return pq.read_table(path)


def test_new_objects_are_classified_as_the_run_classifies_its_own(place):
    made = classify_anything(place / "stars-run", place / "stars", place / "new.parquet")
    table, ids = read(place / "new.parquet"), Dataset.open(place / "stars").object_ids
    assert table["object_id"].to_pylist() == ids.tolist()
    assert made.case == WIDEST
    assert (made.n, made.known) == (60, 60 - table["class"].to_pylist().count(""))
    run = Run.open(place / "stars-run")
    case = next(case for case in finished_cases(run) if case.name == WIDEST)
    own = case_classes(run, case)
    for name in ("class", "modalities", "reason"):
        assert table[name].to_pylist() == [text or "" for text in own.table[name].to_pylist()]
    new, old = (np.asarray(t["p_EW"].to_numpy()) for t in (table, own.table))
    np.testing.assert_allclose(new, old, rtol=1e-4, atol=1e-6)
    for name in ("ra", "dec"):
        assert table[name].to_pylist() == Dataset.open(place / "stars").numbers(name).tolist()


def test_the_runs_own_objects_are_classified_once(place):
    made = classify_anything(place / "stars-run", out=place / "own.csv")
    stored = place / "stars-run" / "finetune" / WIDEST / "classes.parquet"
    before = stored.stat().st_mtime_ns
    classify_anything(place / "stars-run", out=place / "own.csv")
    assert stored.stat().st_mtime_ns == before
    table = pcsv.read_csv(place / "own.csv")
    assert {"split", "label", "class", "novelty"} <= set(table.column_names)
    assert not any(name.startswith("logits") for name in table.column_names)
    assert made.n == len(table) == 60
    assert any("training objects" in note for note in made.notes)


def test_a_saved_classifier_needs_no_run(place, tmp_path):
    classify_anything(place / "stars-run", place / "stars", place / "run.parquet")
    model = tmp_path / "taken"
    shutil.copytree(place / "stars-run" / "finetune" / WIDEST / "model", model)
    classify_anything(model, place / "stars", tmp_path / "model.parquet")
    assert read(tmp_path / "model.parquet").equals(read(place / "run.parquet"))
    for name in ("calibration.json", "reference.safetensors"):
        (model / name).unlink()
    made = classify_anything(model, place / "stars", tmp_path / "raw.parquet")
    assert any("not calibrated" in note for note in made.notes)
    assert read(tmp_path / "raw.parquet")["novelty"].null_count == 60


def test_modalities_choose_the_classifier(place, tmp_path):
    run, data = place / "stars-run", place / "stars"
    made = classify_anything(run, data, tmp_path / "a.parquet", modalities=["photometry"])
    assert made.case == "photometry-full-scratch"
    made = classify_anything(run, data, tmp_path / "b.parquet", modalities=["spectrum"])
    assert made.case == WIDEST
    used = set(read(tmp_path / "b.parquet")["modalities"].to_pylist())
    assert used == {"spectrum", ""}
    frozen = f"{WIDEST}-frozen"
    assert classify_anything(run, data, tmp_path / "c.parquet", case=frozen).case == frozen


def test_what_cannot_be_is_one_sentence(place, tmp_path):
    run, data, out = place / "stars-run", place / "stars", tmp_path / "c.parquet"
    with pytest.raises(ConfigError, match="no case 'photometry-full-scrath': did you mean"):
        classify_anything(run, data, out, case="photometry-full-scrath")
    with pytest.raises(ConfigError, match="no modality 'spectra': did you mean 'spectrum'"):
        classify_anything(run, data, out, modalities=["spectra"])
    with pytest.raises(ModelError, match="no classifier"):
        classify_anything(run / "pretrain" / "model", data, out)
    with pytest.raises(ModelError, match="no classifier in"):
        classify_anything(tmp_path, data, out)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_it_goes_on(place, tmp_path, monkeypatch):
    whole = tmp_path / "whole.parquet"
    classify_anything(place / "stars-run", place / "stars", whole)
    monkeypatch.setattr(classifying, "PIECE", 10)
    model = place / "stars-run" / "finetune" / WIDEST / "model"
    for modality in {type(m) for m in Model.open(model).modalities.values()}:
        monkeypatch.setattr(modality, "chunk", 7)
    out, asked = tmp_path / "parts.parquet", []
    make = Model.iter_classes

    def dying(self, given, modalities=None):
        asked.append(60 - len(given.dataset))
        for number, table in enumerate(make(self, given, modalities)):
            if len(asked) < 3 and number == 4:
                raise KeyboardInterrupt
            yield table

    monkeypatch.setattr(Model, "iter_classes", dying)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            classify_anything(place / "stars-run", place / "stars", out)
        assert not out.exists()
    classify_anything(place / "stars-run", place / "stars", out)
    assert asked == [0, 28, 56]
    made, expected = read(out), read(whole)
    for name in ("object_id", "class", "modalities", "reason"):
        assert made[name].to_pylist() == expected[name].to_pylist()
    np.testing.assert_allclose(made["p_EW"].to_numpy(), expected["p_EW"].to_numpy(), rtol=1e-4)
    assert not list(tmp_path.glob(".*"))


def test_the_command_writes_tables_for_people(place, tmp_path):
    out = tmp_path / "classes.fits"
    command = ["classify", str(place / "stars-run"), "-d", str(place / "stars"), "-o", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert f"60 objects classified by {WIDEST}" in result.output
    table = Table.read(out)
    assert len(table) == 60
    assert table["novelty"].description.startswith("Share of validation objects")
    CliRunner().invoke(app, [*command[:-1], str(tmp_path / "classes.vot")])
    topcat = Table.read(tmp_path / "classes.vot")
    assert "calibrated" in topcat["p_EW"].description
    assert (topcat["dec"].unit, topcat["dec"].meta["ucd"]) == ("deg", "pos.eq.dec;meta.main")


def test_a_folder_that_is_not_there_is_refused(place, tmp_path):
    out, nowhere = tmp_path / "classes.csv", tmp_path / "nowhere"
    command = ["classify", str(place / "stars-run"), "-d", str(nowhere), "-o", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0
    assert not out.exists()


def test_one_file_may_be_a_table_of_objects(place, tmp_path):
    stars = Dataset.open(place / "stars")
    names = stars.schema.features("metadata")
    table = stars.table(["object_id", "ra", "dec", *names]).slice(0, 7)
    pq.write_table(table, tmp_path / "seven.parquet")
    out = tmp_path / "classes.csv"
    command = ["classify", str(place / "stars-run"), "-d", str(tmp_path / "seven.parquet")]
    result = CliRunner().invoke(app, [*command, "-o", str(out)])
    assert result.exit_code == 0, result.output
    rows = Table.read(out, format="csv")
    assert [str(name) for name in rows["object_id"]] == stars.object_ids[:7].tolist()
    np.testing.assert_allclose(rows["ra"], stars.numbers("ra")[:7])
    known = stars.present("metadata")[:7]
    assert [str(m) == "metadata" for m in rows["modalities"].tolist()] == known.tolist()
    assert known.any()


@pytest.fixture(scope="module")
def grouped(place):
    """The stars in row groups of seven."""
    folder = shutil.copytree(place / "stars", place / "grouped")
    (part,) = (folder / "objects").glob("*.parquet")
    pq.write_table(pq.read_table(part), part, row_group_size=7)
    return folder


@pytest.mark.parametrize("group", [GROUP, 25])
def test_shards_in_any_order_give_the_file_of_one_piece(
    place, grouped, tmp_path, monkeypatch, group
):
    monkeypatch.setattr("skybind.tables.GROUP", group)
    run, out = place / "stars-run", tmp_path / "shards.parquet"
    whole = classify_anything(run, grouped, tmp_path / "whole.parquet")
    order = np.random.default_rng(0).permutation(12) + 1  # of nine groups: some have nothing
    made = [classify_anything(run, grouped, out, shard=Shard(k, 12)) for k in order[1:].tolist()]
    with pytest.raises(DataError, match=rf"1 of 12 shards .*\({order[0]}\)"):
        classify_anything(run, grouped, out)
    assert not out.exists()
    made.append(classify_anything(run, grouped, out, shard=Shard(int(order[0]), 12)))
    together = classify_anything(run, grouped, out)
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert (together.n, together.known, together.counts) == (whole.n, whole.known, whole.counts)
    assert sum(one.n for one in made) == whole.n
    assert not (tmp_path / "shards.parquet.shards").exists()


def test_a_damaged_shard_is_named_and_nothing_is_written(place, grouped, tmp_path):
    run, out = place / "stars-run", tmp_path / "classes.parquet"
    for number in (1, 2):
        classify_anything(run, grouped, out, shard=Shard(number, 2))
    table = tmp_path / "classes.parquet.shards" / "2-of-2" / "classes.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cannot be read .*: delete .*2-of-2 to make it anew"):
        classify_anything(run, grouped, out)
    assert not out.exists()
    table.write_bytes(whole)
    assert classify_anything(run, grouped, out).n == 60


def test_shards_of_another_calibration_are_refused(place, grouped, tmp_path):
    run, out = shutil.copytree(place / "stars-run", tmp_path / "run"), tmp_path / "classes.parquet"
    done = classify_anything(run, grouped, out, shard=Shard(1, 2))
    model = RunPaths(run).case(done.case).model
    known = read_reliability(model)
    hotter = {name: 2 * value for name, value in known.calibration.temperature.items()}
    calibration = known.calibration.model_copy(update={"temperature": hotter})
    replace(known, calibration=calibration).write(model)
    with pytest.raises(DataError, match="another model"):
        classify_anything(run, grouped, out, shard=Shard(2, 2))


def test_shards_are_of_a_dataset_on_disk(place, tmp_path):
    with pytest.raises(ConfigError, match="needs --data"):
        classify_anything(place / "stars-run", out=tmp_path / "a.csv", shard=Shard(1, 2))
    table = Dataset.open(place / "stars").table(["object_id", "photometry"])
    table = pa.concat_tables([table] * 20)
    with pytest.raises(ConfigError, match="needs the folder of a dataset"):
        classify_anything(place / "stars-run", table, tmp_path / "a.csv", shard=Shard(1, 2))


def test_embeddings_of_shards_are_those_of_one_piece(place, grouped, tmp_path):
    run, out = place / "stars-run", tmp_path / "shards"
    embed_anything(run, grouped, tmp_path / "whole")
    for number in (3, 1, 2, 4):
        with pytest.raises(DataError, match="no embeddings"):
            Embeddings.read(out)
        embed_anything(run, grouped, out, shard=Shard(number, 4))
    assert embed_anything(run, grouped, out) == (out, 60)
    one, other = Embeddings.read(tmp_path / "whole"), Embeddings.read(out)
    assert one.to_arrow().equals(other.to_arrow(), check_metadata=True)
    names = [".shards.shards.json", "shards", "whole"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    for again in (Shard(2, 4), Shard(1, 2), None):
        with pytest.raises(AlreadyDone, match="in place"):
            embed_anything(run, grouped, out, shard=again)
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    with pytest.raises(ConfigError, match="needs --data"):
        embed_anything(run, shard=Shard(1, 2))


def test_the_command_line_does_shards(place, grouped, tmp_path):
    runner, out = CliRunner(), tmp_path / "classes.csv"
    command = ["classify", str(place / "stars-run"), "--data", str(grouped), "--out", str(out)]
    for shard in ("2/2", "1/2"):
        done = runner.invoke(app, [*command, "--shard", shard])
        assert done.exit_code == 0
        assert f"Shard {shard} is in {out}.shards" in done.stdout.replace("\n", "")
    assert runner.invoke(app, command).exit_code == 0
    assert len(pcsv.read_csv(out)) == 60
    there = sorted(p.name for p in tmp_path.iterdir())
    for again in ([*command, "--shard", "2/2"], command):  # started anew by the scheduler
        done = runner.invoke(app, again)
        assert done.exit_code == 0
        assert "All is in place in" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == there
    out.unlink()
    done = runner.invoke(app, [*command, "--shard", "2/2"])
    assert "Shard 2/2 is in" in done.stdout
