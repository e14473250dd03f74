import csv
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.embeddings.visits import VisitVectors
from skybind.errors import DataError, ModelError
from skybind.modalities.cleaning import clean_photometry, clean_spectrum
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained
from skybind.search.search import SearchOptions
from skybind.search.search import search as search_embeddings
from skybind.tables import write_table


def search(folder, queries, *, data=None, model=None, **options):
    return search_embeddings(folder, queries, SearchOptions(**options), data=data, model=model)


@pytest.fixture(scope="module")
def embeddings(trained):
    return Embeddings.read(trained / "embeddings")


def complete(embeddings):
    """Row of an object that was observed in everything."""
    return int(np.flatnonzero(np.logical_and.reduce(list(embeddings.present.values())))[0])


def write_curve(stars, row, path, names=("HJD", "flux", "flux_err")):
    curve = clean_photometry(Dataset.open(stars).ragged("photometry", np.array([row]))).ragged
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        fields = curve.fields
        writer.writerows(zip(fields["time"], fields["flux"], fields["flux_err"], strict=True))
    return path


def test_the_columns_that_the_model_reads_are_known(trained, embeddings, stars, tmp_path):
    folder = tmp_path / "moved"
    embeddings.write(folder)
    name = embeddings.object_id[complete(embeddings)]
    read = {kind: kind for kind in ("photometry", "spectrum", "metadata")}
    assert search(trained, [name]).reads == read
    assert search(folder, [name], data=stars, model=trained).reads == read
    assert search(folder, [name], data=stars).reads == {}
    (tmp_path / "model.json").write_text("{")
    assert search(folder, [name], data=stars, model=tmp_path).reads == {}


@pytest.mark.parametrize(
    ("source", "target"), [("photometry", "spectrum"), ("metadata", "photometry")]
)
def test_an_object_finds_what_the_vectors_say(trained, embeddings, source, target):
    row = complete(embeddings)
    found = search(trained, [embeddings.object_id[row]], source=[source], target=[target], k=7)
    cosine = embeddings.vectors[target].astype(float) @ embeddings.vectors[source][row].astype(
        float
    )
    cosine[~embeddings.present[target]] = -np.inf
    best = np.argsort(-cosine, kind="stable")[:7]
    assert found.object_id.tolist() == embeddings.object_id[best].tolist()
    np.testing.assert_allclose(found.cosine, cosine[best], atol=1e-6)
    assert found.rank.tolist() == list(range(1, 8))


def test_an_object_is_no_match_of_itself(trained, embeddings):
    name = str(embeddings.object_id[complete(embeddings)])
    found = search(trained, [name, str(embeddings.object_id[0])], k=5)
    assert name not in found.object_id[found.query == 0]
    assert (np.bincount(found.query) == 5).all()
    everyone = search(trained, [name], source=["photometry"], target=["spectrum"], k=400)
    assert everyone.relation[everyone.object_id == name].tolist() == ["itself"]


@pytest.mark.parametrize("name", ["field 7/star 3", "J0934+5421.fits"])
def test_a_name_that_looks_like_a_file_is_an_object_if_there_is_one(embeddings, tmp_path, name):
    ids = embeddings.object_id.astype("<U20")
    row = complete(embeddings)
    ids[row] = name
    replace(embeddings, object_id=ids).write(tmp_path)
    found = search(tmp_path, [name], source=["spectrum"], target=["spectrum"], k=3)
    same = search(tmp_path, [ids[row - 1]], source=["spectrum"], target=["spectrum"], k=3)
    assert found.queries[0].row == row
    assert same.queries[0].row == row - 1
    with pytest.raises(DataError, match="no file"):
        search(tmp_path, ["field 8/star 3"])


def test_by_default_the_mean_of_all_modalities_is_searched(trained, embeddings):
    row = complete(embeddings)
    found = search(trained, [embeddings.object_id[row]], k=3)
    mean = embeddings.mean()
    cosine = mean @ mean[row]
    cosine[row] = -1
    assert found.row[0] == cosine.argmax()
    assert found.target == embeddings.modalities


def test_only_objects_with_the_modality_count_and_what_is_missing_is_said(trained, embeddings):
    present = embeddings.present
    name = str(embeddings.object_id[complete(embeddings)])
    found = search(trained, [name], source=["photometry"], target=["spectrum"], k=1)
    assert found.searched == present["spectrum"].sum() < len(embeddings)
    assert not found.notes
    half = np.flatnonzero(present["photometry"] & ~present["spectrum"])[0]
    both = ["photometry", "spectrum"]
    found = search(trained, [str(embeddings.object_id[half])], source=both, k=1)
    assert any("has no spectrum" in note for note in found.notes)


def test_conditions_hold_for_every_match(trained, stars, embeddings):
    dataset = Dataset.open(stars)
    labels = dict(zip(dataset.object_ids, dataset.labels(), strict=True))
    name = str(embeddings.object_id[complete(embeddings)])
    found = search(
        trained, [name], where="label == 'EW' and ra > 100", split="train", columns=["ra"]
    )
    assert len(found)
    assert {labels[i] for i in found.object_id} == {"EW"}
    assert (found.columns["ra"] > 100).all()
    assert set(found.split) == {"train"}
    assert found.searched < 100


def test_contrast_ranks_by_how_unlike_the_alike_are(trained, embeddings):
    row = complete(embeddings)
    name = str(embeddings.object_id[row])
    plain = search(
        trained,
        [name],
        source=["photometry"],
        target=["photometry"],
        k=6,
        where="object_id is not null",
    )
    found = search(
        trained, [name], source=["photometry"], target=["photometry"], k=6, contrast="spectrum"
    )
    unlike = embeddings.vectors["spectrum"][found.row] @ embeddings.vectors["spectrum"][row]
    np.testing.assert_allclose(found.contrast, unlike, atol=1e-6)
    assert (np.diff(found.contrast) >= 0).all()
    assert embeddings.present["spectrum"][found.row].all()
    assert found.cosine.min() >= 0.9 * plain.cosine.min() - 0.1
    # the same six as without the contrast, among those that have both
    both = embeddings.present["spectrum"] & embeddings.present["photometry"]
    cosine = embeddings.vectors["photometry"] @ embeddings.vectors["photometry"][row]
    cosine[~both] = -1
    cosine[row] = -1
    assert set(found.row) == set(np.argsort(-cosine)[:6])


def test_matches_predict_columns_and_spectra(trained, stars, embeddings):
    dataset = Dataset.open(stars)
    name = str(embeddings.object_id[complete(embeddings)])
    found = search(
        trained, [name], k=8, predict=["period", "label", "spectrum"], columns=["period"]
    )
    period, label = found.predictions[0]
    known = found.columns["period"][np.isfinite(found.columns["period"])]
    assert period.n == len(known)
    assert period.mean == pytest.approx(known.mean())
    assert sum(label.fractions.values()) == pytest.approx(1)
    there = dataset.present("spectrum")[np.isin(dataset.object_ids, found.object_id)]
    assert found.spectra[0].n.max() == there.sum()
    with pytest.raises(DataError, match="no mean to predict"):
        search(trained, [name], predict=["photometry"])


@pytest.mark.parametrize("form", [".csv", ".parquet", ".ecsv", ".fits"])
def test_a_spectrum_in_a_file_is_embedded_as_in_the_survey(
    trained, stars, embeddings, tmp_path, form
):
    from astropy.table import Table

    row = complete(embeddings)
    spectrum = clean_spectrum(Dataset.open(stars).ragged("spectrum", np.array([row]))).ragged
    path = tmp_path / f"new{form}"
    table = Table(dict(spectrum.fields))
    if form == ".parquet":
        import pyarrow as pa

        pq.write_table(pa.table(dict(spectrum.fields)), path)
    else:
        table.write(
            path, format={".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".fits": "fits"}[form]
        )
    found = search(trained, [path], k=3)
    assert found.source == [["spectrum"]]
    assert found.object_id[0] == embeddings.object_id[row]
    assert found.cosine[0] == pytest.approx(1, abs=1e-4)
    assert found.relation[0] in ("same data", "alike")


def test_a_catalogues_features_are_given_with_a_light_curve_and_not_computed(
    trained, stars, embeddings, tmp_path
):
    row = complete(embeddings)
    path = write_curve(stars, row, tmp_path / "curve.csv")
    dataset = Dataset.open(stars)
    values = {
        name: float(dataset.column(name, np.array([row]))[0])
        for name in ("period", "amplitude", "lksl_statistic", "rfr_score")
    }
    given = search(trained, [path], values={k: v for k, v in values.items() if np.isfinite(v)}, k=3)
    assert given.object_id[0] == embeddings.object_id[row]
    assert given.cosine[0] == pytest.approx(1, abs=1e-4)
    alone = search(trained, [path], k=3)
    text = " ".join(alone.notes)
    assert "amplitude, period, lksl_statistic and rfr_score are the catalogue's" in text
    assert "lacks amplitude, period, lksl_statistic, rfr_score" in text
    assert "The period found in the light curve is " in text
    assert "The model folds by 'period' of the catalogue: --value period=" in text
    assert alone.queries[0].features == {}
    across = search(trained, [path], target=["spectrum"], k=3)
    assert embeddings.present["spectrum"][across.row].all()
    with pytest.raises(DataError, match="did you mean 'period'"):
        search(trained, [path], values={"periode": 1.0})


def test_a_catalogue_row_in_a_file(trained, stars, embeddings, tmp_path):
    row = complete(embeddings)
    dataset = Dataset.open(stars)
    names = dataset.schema.features("metadata")
    path = tmp_path / "row.csv"
    values = [float(dataset.numbers(name)[row]) for name in names]
    cells = ["" if np.isnan(v) else repr(v) for v in values]
    path.write_text(",".join(names) + "\n" + ",".join(cells) + "\n")
    found = search(trained, [path], k=2)
    assert found.source == [["metadata"]]
    assert found.object_id[0] == embeddings.object_id[row]
    path.write_text(",".join(names) + "\n" + 2 * (",".join(cells) + "\n"))
    with pytest.raises(DataError, match="2 rows"):
        search(trained, [path], source=["metadata"])


def test_the_same_position_is_the_same_object(trained, stars, embeddings, tmp_path):
    row = complete(embeddings)
    dataset = Dataset.open(stars)
    place = {n: float(dataset.column(n, np.array([row]))[0]) for n in ("ra", "dec")}
    path = write_curve(stars, row, tmp_path / "curve.csv")
    found = search(trained, [path], target=["spectrum"], values=place, k=400)
    told = dict(zip(found.object_id, found.relation, strict=True))
    assert told.pop(str(embeddings.object_id[row])) == "same position"
    assert set(told.values()) == {"alike", "unlike"}  # of all 400, few are near


@pytest.mark.parametrize("by", ["spectrum", "photometry", "metadata"])
def test_a_file_of_the_survey_is_not_predicted_by_its_own_object(
    trained, stars, embeddings, tmp_path, by
):
    """In whatever modality it is found, and by whatever it is known."""
    dataset, row = Dataset.open(stars), complete(embeddings)
    name = str(embeddings.object_id[row])
    path = tmp_path / "mystery.csv"
    if by == "photometry":
        write_curve(stars, row, path)
    elif by == "spectrum":
        fields = clean_spectrum(dataset.ragged("spectrum", np.array([row]))).ragged.fields
        table = Table({n: fields[n] for n in ("wavelength", "flux")})
        table.write(path, format="ascii.csv")
    else:
        features = Run.open(trained).modalities["metadata"].columns
        table = Table({n: dataset.numbers(n)[[row]] for n in features})
        table.write(path, format="ascii.csv")
    for target in ("photometry", "spectrum", "metadata"):
        options = {"source": [by], "target": [target], "k": 400, "columns": ["mean_vmag"]}
        found = search(trained, [path], predict=["mean_vmag"], **options)
        own = found.object_id == name
        assert found.relation[own].tolist() == ["same data"]
        others = np.isfinite(found.columns["mean_vmag"]) & ~own
        assert found.predictions[0][0].n == others.sum() > 10
        assert any("have its data" in note for note in found.notes)


def test_the_index_finds_the_same_and_is_built_once(trained, embeddings):
    pytest.importorskip("faiss")
    name = str(embeddings.object_id[complete(embeddings)])
    exact = search(trained, [name], source=["photometry"], k=5)
    first = search(trained, [name], source=["photometry"], k=5, index=True, recall=1.0)
    assert first.recall is not None
    assert first.recall > 0.9
    assert first.searched == exact.searched == embeddings.present["photometry"].sum()
    assert any("built" in note for note in first.notes)
    assert np.isin(first.row, exact.row).mean() >= 0.8
    both = np.isin(exact.row, first.row)
    np.testing.assert_allclose(exact.cosine[both], first.cosine[np.isin(first.row, exact.row)])
    again = search(trained, [name], source=["photometry"], k=5, index=True)
    assert not any("built" in note for note in again.notes)
    # a full recall among few objects takes nearly all lists, and that is said
    assert any("little structure" in note for note in again.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queries": ["SIM99999999"]}, "no object 'SIM99999999'"),
        ({"queries": ["gone.fits"]}, "There is no file gone.fits"),
        ({"source": ["spectra"]}, "did you mean 'spectrum'"),
        ({"contrast": "image"}, "no modality 'image'"),
        ({"split": "tests"}, "did you mean 'test'"),
        ({"where": "ra > 1000"}, "nothing to search"),
        ({"columns": ["lable"]}, "did you mean 'label'"),
        ({"columns": ["spectrum"]}, "is an observation"),
        ({"k": 0}, "at least 1"),
        ({"memory_gb": -1}, "more than 0"),
    ],
)
def test_errors_are_one_sentence(trained, embeddings, arguments, message):
    arguments = {"queries": [str(embeddings.object_id[0])], **arguments}
    with pytest.raises(DataError, match=message):
        search(trained, arguments.pop("queries"), **arguments)


def test_files_that_are_none(trained, tmp_path):
    path = tmp_path / "broken.fits"
    path.write_bytes(b"SIMPLE  = this is no FITS file")
    with pytest.raises(DataError, match=r"broken\.fits"):
        search(trained, [path])
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column for the wavelength"):
        search(trained, [path], source=["spectrum"])
    path.write_text("time,flux,flux_err\n1,2,0.1\n")
    with pytest.raises(DataError, match="cannot be used"):
        search(trained, [path])


def test_embeddings_of_another_model_are_not_searched_by_a_file(
    trained, embeddings, stars, tmp_path
):
    path = write_curve(stars, complete(embeddings), tmp_path / "curve.csv")
    embeddings.take(np.arange(50)).write(tmp_path / "some")
    name = str(embeddings.object_id[3])
    assert len(search(tmp_path / "some", [name], k=2)) == 2
    with pytest.raises(ModelError, match="--model"):
        search(tmp_path / "some", [path])
    found = search(tmp_path / "some", [path], model=trained, data=stars, k=2)
    assert "label" in found.columns
    with pytest.raises(DataError, match="--data"):
        search(tmp_path / "some", [name], where="ra > 3")


@pytest.mark.parametrize("form", [".csv", ".parquet", ".vot", ".ecsv", ".fits"])
def test_tables_keep_every_match(trained, embeddings, tmp_path, form):
    from astropy.table import Table

    found = search(trained, [str(embeddings.object_id[0])], k=4)
    path = tmp_path / f"found{form}"
    write_table(found.to_arrow(), path)
    if form == ".parquet":
        ids = pq.read_table(path)["object_id"].to_pylist()
    else:
        names = {".vot": "votable", ".ecsv": "ascii.ecsv", ".fits": "fits", ".csv": "ascii.csv"}
        ids = [str(name) for name in Table.read(path, format=names[form])["object_id"]]
    assert ids == found.object_id.tolist()
    with pytest.raises(DataError, match="none of"):
        write_table(found.to_arrow(), tmp_path / "found.doc")


@pytest.mark.usefixtures("talking")
def test_the_command_prints_writes_and_draws(trained, stars, embeddings, tmp_path):
    from typer.testing import CliRunner

    path = write_curve(stars, complete(embeddings), tmp_path / "curve.csv")
    out, figure, mean = (tmp_path / name for name in ("t.vot", "f.png", "s.csv"))
    done = CliRunner().invoke(
        app,
        ["search", str(trained), str(path), "--to", "spectrum", "-k", "3", "--predict",
         "period,spectrum", "--out", str(out), "--figure", str(figure), "--predicted", str(mean)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "curve.csv: photometry -> spectrum" in done.output
    assert "period by" in done.output
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert mean.read_text().startswith('"wavelength","flux","spread","n"')
    assert out.stat().st_size > 0


def test_a_match_with_several_spectra_says_which_is_most_alike(trained, embeddings, tmp_path):
    row = complete(embeddings)
    query = embeddings.vectors["photometry"][row].astype(np.float64)
    found = search(trained, [embeddings.object_id[row]], source=["photometry"], target=["spectrum"])
    best, second = found.object_id[:2]
    places = [int(np.flatnonzero(embeddings.object_id == name)[0]) for name in (best, second)]
    vectors = np.stack([*embeddings.vectors["spectrum"][places], query]).astype(np.float32)
    names = np.array([best, second, best])
    visits = VisitVectors(names, np.array(["n1", "n2", "n3"], object), np.full(3, np.nan), vectors)
    several = replace(embeddings, visits={"spectrum": visits})
    several.write(tmp_path / "e")
    again = search(
        tmp_path / "e",
        [embeddings.object_id[row]],
        source=["photometry"],
        target=["spectrum"],
        data=Run.open(trained).dataset.path,
        model=trained / "pretrain/model",
    )
    assert again.object_id.tolist() == found.object_id.tolist()
    assert again.columns["spectrum_visit"][:3].tolist() == ["n3", "n2", ""]
    np.testing.assert_allclose(again.columns["spectrum_visit_cosine"][0], 1, atol=1e-6)
    np.testing.assert_allclose(
        again.columns["spectrum_visit_cosine"][1], found.cosine[1], atol=1e-6
    )
    table = again.to_arrow()
    assert table["spectrum_visit"].to_pylist()[:2] == ["n3", "n2"]
    assert "spectrum_visit" not in found.columns


def test_a_value_that_no_training_object_had_is_told_in_every_way(trained, stars, tmp_path):
    run = Run.open(trained)
    train = run.dataset.numbers("parallax")[run.rows("train")]
    low, high = np.nanmin(train), np.nanmax(train)
    said = f"lies far outside what the model was trained on ({low:.4g} to {high:.4g} mas)"
    (tmp_path / "row.csv").write_text("bp_rp,parallax\n0.8,-9999\n")
    by_file = search(trained, [tmp_path / "row.csv"], k=1)
    assert any(f"-9999 mas {said}" in note for note in by_file.notes), by_file.notes
    found = find_pretrained(trained).take(Table({"bp_rp": [0.8], "parallax": [-9999.0]}))
    assert any(f"-9999 mas {said}" in note for note in found.notes)
    by_dataset = find_pretrained(trained).take(stars)
    assert not any("parallax" in note and "-9999" in note for note in by_dataset.notes)
    curve = write_curve(stars, 5, tmp_path / "c.csv")
    by_value = search(trained, [curve], k=1, values={"period": 1e9})
    assert any("--value period: 1e+09 d lies far outside" in note for note in by_value.notes)


def test_a_modality_is_not_contrasted_with_itself(trained, embeddings):
    name = str(embeddings.object_id[np.flatnonzero(embeddings.present["photometry"])[0]])
    asked = {"source": ["photometry"], "contrast": "photometry"}
    for target in (None, ["photometry"]):
        with pytest.raises(DataError, match="contrasted with themselves"):
            search(trained, [name], target=target, **asked)
