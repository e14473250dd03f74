import re
from pathlib import Path

import pytest

from skybind.errors import ConfigError
from skybind.ingest.mapping import Mapping, ReaderMapping, load_mapping
from skybind.ingest.readers.registry import dataset_reader, dataset_readers

DOCS = Path(__file__).parents[2] / "docs" / "dataset.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), flags=re.S)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_docs_are_right(tmp_path, text):
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    mapping = load_mapping(tmp_path / "m.yaml")
    if isinstance(mapping, ReaderMapping):
        assert dataset_reader(mapping.reader)
    else:
        assert mapping.observations()


def test_the_docs_show_every_kind_of_example():
    readers = set(re.findall(r"^reader: (\w+)$", "\n".join(EXAMPLES), flags=re.M))
    assert readers == set(dataset_readers())
    assert len(EXAMPLES) >= len(readers) + 8


def mapping_of(tmp_path: Path, text: str) -> Mapping:
    (tmp_path / "m.yaml").write_text(text)
    mapping = load_mapping(tmp_path / "m.yaml")
    assert isinstance(mapping, Mapping)
    return mapping


def test_keys_beside_a_catalogue_replace_its_own(tmp_path):
    mapping = mapping_of(
        tmp_path,
        "objects: {file: x.csv, catalogue: asassn, id: source_id, features: {metadata: "
        "{mean_vmag: {column: V}}}}\n",
    )
    columns = mapping.objects.columns()
    assert mapping.objects.id == "source_id"
    assert columns["mean_vmag"][2].column == "V"
    assert columns["bp_rp"][2].optional
    # all 34 features of the paper's table, and the four of the light curve
    groups = [modality for _, modality, _ in columns.values()]
    assert (groups.count("metadata"), groups.count("photometry")) == (34, 4)


def test_an_error_has_the_unit_of_its_value(tmp_path):
    mapping = mapping_of(
        tmp_path,
        "objects: {file: x.csv, id: id}\n"
        "spectrum: {file: y.csv, id: id, wavelength: {column: w, unit: um}, "
        "flux: {column: f, unit: adu}, flux_err: e}\n",
    )
    assert mapping.observations()["spectrum"].units() == {
        "wavelength": "Angstrom",
        "flux": "adu",
        "flux_err": "adu",
    }


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("more_photometry: {label: {folder: x, pattern: '{id}', format: asassn}}", "'label'"),
        ("more_spectra: {metadata: {folder: x, pattern: '{id}', format: lamost}}", "'metadata'"),
        ("photometry: {file: x.csv, id: id, format: asassn}", "one file an object"),
        ("photometry: {file: x.csv, time: t, flux: f}", "its column 'id'"),
        ("spectrum: {file: x, id: i, wavelength: w, flux: f, ivar: i, flux_err: e}", "not both"),
    ],
)
def test_contradictions_are_refused(tmp_path, more, sentence):
    with pytest.raises(ConfigError, match=sentence):
        mapping_of(tmp_path, f"objects: {{file: x.csv, id: id, label: class}}\n{more}\n")
