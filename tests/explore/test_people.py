"""What people said goes home with a selection, in every format."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from skybind.explore.people import said_by_people
from skybind.explore.selection import exported, selection_table, summary
from skybind.explore.survey import Survey
from skybind.labelling.answers import write_answers
from skybind.runs.run import Run
from skybind.tables import write_table

READERS = {
    ".csv": "ascii.csv",
    ".parquet": "parquet",
    ".vot": "votable",
    ".fits": "fits",
    ".ecsv": "ascii.ecsv",
}


@pytest.fixture(scope="module")
def survey(suspect_run):
    opened = Survey(Run.open(suspect_run))
    yield opened
    opened.close()
    shutil.rmtree(suspect_run / "labels", ignore_errors=True)


@pytest.fixture(scope="module")
def rows(survey):
    """Rows of three training objects that two people judge, of one answered, and one more."""
    found = np.flatnonzero(survey.run.split.part == "train")[[4, 0, 9, 7, 2]]
    names = survey.run.dataset.object_ids[found].tolist()
    assert said_by_people(survey) == []
    own = survey.run.class_names[found[0]]
    other = next(name for name in survey.run.classes if name != own)
    survey.judgements.judge(names[0], "class", other, "Leavitt", {})
    survey.judgements.judge(names[1], "artefact", None, "Cannon", {})
    survey.judgements.judge(names[2], "unsure", None, "Cannon", {})
    survey.judgements.judge(names[4], "unsure", None, "Cannon", {})
    survey.judgements.undo("Cannon")
    answers = {**survey.judgements.answers(), names[3]: other, "gone": other}
    write_answers(survey.run.paths.labels.answers, answers)
    table = survey.classes.for_people
    retrained = table.set_column(
        table.column_names.index("class"), "class", pa.array([other] * len(table))
    )
    write_table(retrained, survey.run.paths.labels.classes)
    return found, other


@pytest.mark.parametrize("ending", READERS)
def test_judgements_and_new_classes_stand_in_every_format(survey, rows, tmp_path, ending):
    found, other = rows
    path = tmp_path / f"a{ending}"
    path.write_bytes(exported(survey, found, ending))
    table = Table.read(path, format=READERS[ending])

    def column(name):
        return [str(value) for value in np.ma.filled(table[name].astype(str), "").tolist()]

    assert column("object_id") == survey.run.dataset.object_ids[found].tolist()
    assert column("judgement") == ["class", "artefact", "unsure", "", ""]
    assert column("judged_class") == [other, "", "", "", ""]
    assert column("judged_by") == ["Leavitt", "Cannon", "Cannon", "", ""]
    whens = survey.judgements.standing().values()
    assert column("judged_at") == [*(one.when for one in whens), "", ""]
    assert column("answer") == [other, "", "", other, ""]
    assert column("predicted_class_with_answers") == [other] * 5
    assert column("predicted_class") == [
        text or "" for text in survey.classes.table["class"].take(pa.array(found)).to_pylist()
    ]
    assert column("label") == survey.run.class_names[found].tolist()
    if ending != ".csv":
        texts = [table[n].description for n in table.colnames if "judged" in n or "answer" in n]
        assert len(texts) == len({*texts}) == 7
        assert all(texts)


def test_a_judge_of_any_letters_is_in_every_format(survey, rows, tmp_path):
    other = np.flatnonzero(survey.run.split.part == "train")[[6]]
    name = survey.run.dataset.object_ids[other].tolist()[0]
    survey.judgements.judge(name, "unsure", None, "Jürgen Łąka", {})
    for ending in READERS:
        path = tmp_path / f"b{ending}"
        path.write_bytes(exported(survey, other, ending))
        (found,) = Table.read(path, format=READERS[ending])["judged_by"].tolist()
        assert found == ("Jurgen ?aka" if ending == ".fits" else "Jürgen Łąka")
    survey.judgements.undo("Jürgen Łąka")


def test_the_page_lists_them(survey, rows):
    listed = summary(survey, rows[0])["listed"]
    assert [row["judgement"] for row in listed] == ["class", "artefact", "unsure", "", ""]


def test_who_judged_can_be_left_out(survey, rows):
    table = selection_table(survey, rows[0], who=False)
    assert "judgement" in table.column_names
    assert "judged_by" not in table.column_names
    assert "Leavitt" not in str(table.to_pylist())
