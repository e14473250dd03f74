"""A still copy of the explorer: a folder that any server of files gives, with no program behind."""

import csv
import datetime
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.where import decimals
from skybind.errors import DataError
from skybind.explore.columns import WHOLE, painted
from skybind.explore.guard import POLICY
from skybind.explore.neighbours import neighbours
from skybind.explore.objects import object_page, others_of, thumbnails
from skybind.explore.selection import beside, selection_table, with_units
from skybind.explore.survey import Survey
from skybind.explore.told import arrow_bytes, map_columns, survey_told
from skybind.files import atomic_path, plain_json, write_text
from skybind.progress import progress_bar, say, step
from skybind.search.search import SearchOptions
from skybind.tables import write_table

#: Objects of which a copy has the curves, spectra, images and objects alike, unless told otherwise.
OBJECTS = 1000
#: Objects alike that are kept, in each modality.
ALIKE = 12
#: Objects read at a time, and lines of the table in one file.
READ, BLOCK = 32, 1000
#: Files of the page that go along.
PAGE = ("app.js", "app.css", "still.js", "LICENSES.txt")


def write_still(survey: Survey, folder: str | Path, objects: int = OBJECTS) -> int:
    """Write a folder that shows a survey wherever files are served.

    It has all maps with all that colours them, and the catalogue rows of their objects. Some of
    these, drawn by the run's seed, have a page: what was observed, and what is alike among all.

    Parameters
    ----------
    survey : Survey
    folder : str or Path
        New, or empty.
    objects : int
        Most objects that have a page.

    Returns
    -------
    int
        Objects that have one.

    Raises
    ------
    DataError
        If the folder holds files, the run has no map, or no object is to have a page.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds other files: name a new folder for the still copy.")
    if objects < 1:
        raise DataError(f"{objects} objects were asked for: give at least 1.")
    if not survey.maps:
        raise DataError(
            f"The run in {survey.run.folder} has no map, and a still copy holds the objects on "
            "maps: 'skybind evaluate' draws them, unless evaluation.map is none."
        )
    shown = np.unique(np.concatenate([layout.rows for layout in survey.maps.values()]))
    rng = np.random.default_rng(survey.run.config.seed)
    chosen = np.sort(rng.choice(shown, min(objects, len(shown)), replace=False))
    with atomic_path(folder) as temporary:
        _write_page(temporary)
        _write_data(survey, temporary / "data", shown, chosen)
    if len(chosen) < len(shown):
        say(
            f"{len(chosen):,} of the {len(shown):,} objects on the maps have their observations in "
            f"{folder}: drawn by the run's seed, --static-objects takes more."
        )
    return len(chosen)


def _write_data(survey: Survey, data: Path, shown: np.ndarray, chosen: np.ndarray) -> None:
    """Write what the page asks for: of all objects on the maps, and of those that have a page."""
    (data / "objects").mkdir(parents=True)
    (data / "table").mkdir()
    with step("writing maps and columns"):
        columns = _write_maps(survey, data)
        _write_json(data / "cards.json", _cards(survey, shown))
        asked = _write_values(survey, data / "values", shown)
        for number, start in enumerate(range(0, len(shown), BLOCK)):
            head, *lines = _lines(survey, shown[start : start + BLOCK])
            _write_json(data / "table" / f"{number}.json", {"head": head, "lines": lines})
    with progress_bar("writing objects", len(chosen)) as report:
        for done, (row, held) in enumerate(_objects(survey, chosen), 1):
            _write_json(data / "objects" / f"{row}.json", _short(held))
            report(done)
    first = str(survey.run.dataset.object_ids[chosen[0]])
    told = {**survey_told(survey), "columns": columns, "read_only": True, "first": first}
    note = {
        "made": datetime.date.today().isoformat(),
        "of": len(survey.run.dataset),
        "on_maps": len(shown),
        "rows": chosen,
        "block": BLOCK,
        "asked": asked,
    }
    _write_json(data / "copy.json", {**note, "survey": told})


def _write_page(folder: Path) -> None:
    """Write the files of the page; the copy's own script is loaded before it."""
    folder.mkdir(parents=True)
    static = files("skybind.explore") / "static"
    for name in PAGE:
        with (static / name).open("rb") as source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target)
    # what only a header can say is left out
    policy = POLICY.replace("; frame-ancestors 'none'", "")
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    own = '<script type="module" src="still.js"></script>\n'
    script = '<script type="module" src="app.js"></script>'
    page = (static / "index.html").read_text(encoding="utf-8")
    page = page.replace('<meta name="viewport"', f'{head}<meta name="viewport"')
    write_text(folder / "index.html", page.replace(script, own + script))


def _write_maps(survey: Survey, data: Path) -> list[dict[str, Any]]:
    """Write every map and what colours it; gives the columns as the page is told of them."""
    columns: list[dict[str, Any]] = survey_told(survey)["columns"]
    for i, layout in enumerate(survey.maps.values()):
        (data / f"map-{i}.arrow").write_bytes(arrow_bytes(map_columns(layout)))
        for j, column in enumerate(columns):
            values, said = painted(survey, column["name"], layout.rows)
            (data / f"column-{i}-{j}.arrow").write_bytes(arrow_bytes({"value": values}, said))
    return columns


def _write_values(survey: Survey, folder: Path, rows: np.ndarray) -> list[str]:
    """Write the columns that a condition may name, with every digit; gives their names."""
    folder.mkdir()
    dataset = survey.run.dataset
    names: list[str] = []
    for field in dataset.arrow_schema:
        kind = _kind(field.type)
        if kind is None:
            continue
        column = dataset.table([field.name], rows)[field.name]
        values = (decimals(column) if pa.types.is_float32(field.type) else column).to_pylist()
        if kind in ("int", "double"):
            values = [_number(value) for value in values]
        _write_json(folder / f"{len(names)}.json", {"kind": kind, "values": values})
        names.append(field.name)
    return names


def _number(value: float | None) -> float | str | None:
    """Return a number as JSON holds it; as text one beyond 2^53, or infinite."""
    if isinstance(value, int):
        return str(value) if abs(value) > WHOLE else value
    return f"{'-' if value < 0 else ''}Infinity" if value is not None and np.isinf(value) else value


def _kind(kind: pa.DataType) -> str | None:
    """Return in what a condition computes with a column; None where no copy can ask for it."""
    kinds = {
        "text": pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "truth": pa.types.is_boolean(kind),
        "int": pa.types.is_integer(kind),
        "double": pa.types.is_float32(kind) or pa.types.is_float64(kind),
    }
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    return next((name for name, fits in kinds.items() if fits), None)


def _cards(survey: Survey, rows: np.ndarray) -> dict[str, Any]:
    """What is told of every object on a map: name, class, split, and what the run says of it."""
    run = survey.run
    return {
        "row": rows,
        "object_id": run.dataset.object_ids[rows],
        "class": run.class_names[rows],
        "split": run.split.part[rows],
        "beside": {name: paint.values(rows) for name, paint in beside(survey, who=False).items()},
    }


def _lines(survey: Survey, rows: np.ndarray) -> Iterator[str]:
    """Give the lines of a selection's CSV, the first with the names, each as it stands there."""
    table = with_units(selection_table(survey, rows, who=False))
    # through a file: the writer of exports is the one that knows what a spreadsheet would run
    with tempfile.TemporaryDirectory(prefix="skybind-explore-") as place:
        path = Path(place) / "table.csv"
        write_table(table, path)
        with path.open(newline="", encoding="utf-8") as file:
            for cells in csv.reader(file):
                line = io.StringIO()
                csv.writer(line).writerow(cells)
                yield line.getvalue()


def _objects(survey: Survey, rows: np.ndarray) -> Iterable[tuple[int, dict[str, Any]]]:
    """Give objects as the copy holds them: page, objects alike, small drawing."""
    for start in range(0, len(rows), READ):
        some = rows[start : start + READ].tolist()
        survey.examples(some)  # read together
        for row in some:
            name = str(survey.run.dataset.object_ids[row])
            page = object_page(survey, name)
            if page["judged"]:  # who did is nobody's concern where it is served
                page["judged"] |= {"who": "", "seen": {}}
            alike = {}
            for by in ["", *page["modalities"]] if page["modalities"] else []:
                options = SearchOptions(source=[by] if by else None, k=ALIKE)
                alike[by] = neighbours(survey, name, options)
            small = {"": thumbnails(survey, [row])[0]}
            for by in others_of(survey, list(survey.stream.modalities)):
                (small[by],) = thumbnails(survey, [row], [by])
            yield row, {"page": page, "alike": alike, "small": small}


def _short(content: Any) -> Any:
    """Return content whose lists of single-precision numbers are their shortest decimals.

    As float64 each has some seventeen digits, half of which say nothing.
    """
    if isinstance(content, dict):
        return {key: _short(value) for key, value in content.items()}
    if not isinstance(content, list) or not all(v is None or type(v) is float for v in content):
        return content
    long = np.asarray(content, float)  # None is NaN
    single = long.astype(np.float32)
    if not np.array_equal(single, long, equal_nan=True):
        return content
    texts = single.astype(str).tolist()
    return [None if v is None else float(t) for v, t in zip(content, texts, strict=True)]


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(plain_json(content), ensure_ascii=False, allow_nan=False)
    path.write_text(text, encoding="utf-8")
