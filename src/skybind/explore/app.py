"""The explorer's server: an ASGI application that answers the page's questions."""

import re
from collections.abc import Callable
from functools import wraps
from importlib.resources import files
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from skybind.drawing.observed import ExampleObject
from skybind.drawing.pictures import stretched
from skybind.errors import DataError, SkybindError
from skybind.explore.columns import painted
from skybind.explore.guard import Guard
from skybind.explore.kept import Kept
from skybind.explore.labels import Desk
from skybind.explore.neighbours import MOST, neighbours
from skybind.explore.objects import folded, object_page, picture_json, thumbnails
from skybind.explore.power import power_of
from skybind.explore.retraining import Retraining
from skybind.explore.samp import Samp
from skybind.explore.selection import exported, matching, summary
from skybind.explore.survey import Survey
from skybind.explore.told import arrow_bytes, map_columns, survey_told
from skybind.explore.uploads import search_file, uploaded
from skybind.explore.views import view_questions
from skybind.progress import log
from skybind.search.search import SearchOptions
from skybind.words import nearest_of_many

#: Files of the page, with their types; nothing else is served.
PAGE = {
    "index.html": "text/html; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
}
#: Most bytes that the page may send: the rows of ten million objects, or a file.
HEAVIEST = 40 << 20
#: Most characters of a text that the page may send.
LONGEST = 4000


def make_app(survey: Survey, token: str, hosts: set[str], framed: bool = False) -> Guard:
    """Return the explorer of a survey as an ASGI application.

    Parameters
    ----------
    survey : Survey
    token : str
        That questions must bring along.
    hosts : set of str
        Values of the header Host that are its own, such as `127.0.0.1:8765`.
    framed : bool
        Let notebooks on this machine show the page in a frame.
    """
    asked: dict[str, Callable[..., Any]] = {
        "/api/survey": _survey,
        "/api/map": _map,
        "/api/column": _column,
        "/api/card": _card,
        "/api/object": _object,
        "/api/fold": _fold,
        "/api/power": _power,
        "/api/picture": _picture,
        "/api/small": _small,
        "/api/neighbours": _neighbours,
        "/api/find": _find,
        "/api/where": _where,
    }
    sent: dict[str, Callable[..., Any]] = {
        "/api/selection": _selection,
        "/api/export": _export,
        "/api/file": _uploaded,
    }
    for more_asked, more_sent in (
        Desk(survey).questions(),
        Retraining(survey).questions(_arrow),
        view_questions(_arrow),
        Kept(survey).questions(_arrow, _rows),
        Samp(survey).questions(_arrow, _rows),
    ):
        asked |= more_asked
        sent |= more_sent
    routes = [Route("/", _file("index.html"))]
    routes += [Route(f"/{name}", _file(name)) for name in PAGE]
    routes += [Route(path, _answer(survey, question)) for path, question in asked.items()]
    routes += [
        Route(path, _take(survey, question), methods=["POST"]) for path, question in sent.items()
    ]
    return Guard(Starlette(routes=routes), token, hosts, framed)


Question = Callable[[Survey, Request], Any]


def _answer(survey: Survey, question: Question) -> Callable[[Request], Response]:
    """Turn a question to an endpoint; what a user did wrong is one sentence."""

    @wraps(question)
    def endpoint(request: Request) -> Response:
        try:
            with survey.lock:
                answer = question(survey, request)
        except SkybindError as error:
            return JSONResponse({"error": str(error)}, 400)
        except Exception:
            log.exception("the explorer could not answer %s", request.url.path)
            return JSONResponse({"error": "Something went wrong; the terminal tells what."}, 500)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return endpoint


def _take(survey: Survey, question: Callable[[Survey, Request, bytes], Any]) -> Any:
    """Turn a question with a body to an endpoint; the body is read up to `HEAVIEST` bytes."""

    async def endpoint(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > HEAVIEST:
                sentence = f"More than {HEAVIEST >> 20} MB were sent: give less."
                return JSONResponse({"error": sentence}, 413)

        def asked(survey: Survey, request: Request) -> Any:
            return question(survey, request, bytes(body))

        return await run_in_threadpool(_answer(survey, asked), request)

    return endpoint


def _file(name: str) -> Callable[[Request], Response]:
    """Return an endpoint that serves one file of the page."""
    path = str(files("skybind.explore") / "static" / name)

    def endpoint(request: Request) -> Response:
        return FileResponse(path, media_type=PAGE[name])

    return endpoint


def _survey(survey: Survey, request: Request) -> dict[str, Any]:
    """Say what there is to see."""
    return survey_told(survey)


def _map(survey: Survey, request: Request) -> Response:
    """Give the points of a map: x, y and row of the dataset."""
    return _arrow(map_columns(survey.layout(_text(request, "name"))))


def _column(survey: Survey, request: Request) -> Response:
    """Give what colours the points of a map."""
    name = _text(request, "map", "")  # without one: of all objects
    rows = survey.layout(name).rows if name else np.arange(len(survey.run.dataset))
    values, said = painted(survey, _text(request, "name"), rows)
    return _arrow({"value": values}, said)


def _card(survey: Survey, request: Request) -> dict[str, Any]:
    """Give the few words that are shown where the pointer is."""
    row = _row(survey, _text(request, "row"))
    run = survey.run
    said = {
        "object_id": str(run.dataset.object_ids[row]),
        "class": str(run.class_names[row]) or None,
        "split": str(run.split.part[row]),
    }
    if survey.classes is not None:
        table = survey.classes.table
        said["predicted"] = table["class"][row].as_py()
        said["probability"] = table["probability"][row].as_py()
    return said


def _object(survey: Survey, request: Request) -> dict[str, Any]:
    return object_page(survey, _text(request, "id"), _text(request, "of", ""))


def _fold(survey: Survey, request: Request) -> dict[str, Any]:
    """Give the phases of an object, or of a file that was sent."""
    return folded(_example(survey, request), _number(request, "period"))


def _power(survey: Survey, request: Request) -> dict[str, Any]:
    """Give the periodogram of an object, or of a file that was sent."""
    return power_of(_example(survey, request))


def _picture(survey: Survey, request: Request) -> dict[str, Any]:
    """Give the image of an object, or of a file that was sent, with a stretch of its own."""
    example = _example(survey, request)
    if example.image is None:
        raise DataError(f"{example.object_id} has no image.")
    low, high = _number(request, "low", 0), _number(request, "high", 100)
    return picture_json(stretched(example.image, _text(request, "stretch"), low, high))


def _example(survey: Survey, request: Request) -> ExampleObject:
    if "file" in request.query_params:
        return uploaded(survey, int(_number(request, "file")))
    (example,) = survey.examples([survey.row(_text(request, "id"))], [_text(request, "of", "")])
    return example


def _small(survey: Survey, request: Request) -> dict[str, Any]:
    """Give small drawings of objects, by their rows, as they were found in some modalities."""
    texts = _text(request, "rows").split(",")[:MOST]
    rows = [_row(survey, text) for text in texts]
    return {"small": thumbnails(survey, rows, _text(request, "of", "").split("+"))}


def _neighbours(survey: Survey, request: Request) -> dict[str, Any]:
    """Find objects alike."""
    by, to = (_text(request, name, "").split("+") for name in ("by", "to"))
    options = SearchOptions(
        source=[name for name in by if name] or None,
        target=[name for name in to if name] or None,
        k=int(_number(request, "k", 12)),
        where=_text(request, "where", "") or None,
        contrast=_text(request, "contrast", "") or None,
    )
    weights = _number(request, "here", 1), _number(request, "there", 1)
    return neighbours(survey, _text(request, "id"), options, weights)


def _find(survey: Survey, request: Request) -> dict[str, Any]:
    """Give names that begin with, or else contain, what was typed."""
    import pyarrow.compute as pc

    text = _text(request, "text").strip()
    names = survey.stream.object_id
    found: list[str] = []
    for test in (pc.starts_with, pc.match_substring):
        if len(found) < 8:
            hits = names.filter(test(names, text, ignore_case=True)).slice(0, 16).to_pylist()
            found += [name for name in hits if name not in found]
    hint = "" if found else nearest_of_many(text, names.to_pylist())
    return {"names": found[:8], "hint": hint}


def _where(survey: Survey, request: Request) -> Response:
    """Give the rows that fulfil a condition."""
    return _arrow({"row": matching(survey, _text(request, "condition")).astype(np.int32)})


def _selection(survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
    """Say what the selected objects are."""
    return summary(survey, _rows(survey, body))


def _export(survey: Survey, request: Request, body: bytes) -> Response:
    """Give the table of the selected objects as a file."""
    ending = _text(request, "ending")
    content = exported(survey, _rows(survey, body), ending)
    named = {"content-disposition": f'attachment; filename="selection{ending}"'}
    return Response(content, media_type="application/octet-stream", headers=named)


def _uploaded(survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
    """Search for what a file of the user's own holds."""
    to = [name for name in _text(request, "to", "").split("+") if name]
    values = {}
    text = re.sub(r"\s*=\s*", "=", _text(request, "values", "").strip())
    for entry in re.split(r"[,\s]+", text):
        name, _, value = entry.partition("=")
        if entry:
            values[name] = _as_number(value, name)
    k = min(int(_number(request, "k", 12)), MOST)
    options = SearchOptions(target=to or None, k=k, values=values, columns=[])
    return search_file(survey, body, _text(request, "name"), options)


def _rows(survey: Survey, body: bytes) -> np.ndarray:
    """Read rows of the dataset, sent as little-endian 32-bit integers.

    Raises
    ------
    DataError
        If they are none, or one is not there.
    """
    if len(body) % 4:
        raise DataError("The selection is damaged: select again.")
    rows = np.frombuffer(body, "<i4").astype(np.int64)
    if len(rows) and not (rows.min() >= 0 and rows.max() < len(survey.run.dataset)):
        raise DataError("The selection names objects that the dataset has not: select again.")
    return rows


def _arrow(columns: dict[str, np.ndarray], said: dict[str, Any] | None = None) -> Response:
    """Answer with columns as an Arrow stream; what is said of them stands in its schema."""
    body = arrow_bytes(columns, said)
    return Response(body, media_type="application/vnd.apache.arrow.stream")


def _text(request: Request, name: str, default: str | None = None) -> str:
    """Return a text of a question.

    Raises
    ------
    DataError
        If it is missing or too long.
    """
    value = request.query_params.get(name, default)
    if value is None:
        raise DataError(f"The question lacks '{name}'.")
    if len(value) > LONGEST:
        raise DataError(f"'{name}' has {len(value):,} characters: {LONGEST:,} are enough.")
    return value


def _number(request: Request, name: str, default: float | None = None) -> float:
    """Return a number of a question."""
    text = _text(request, name, None if default is None else repr(default))
    return _as_number(text, name)


def _as_number(text: str, name: str) -> float:
    """Turn a text to a number.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(f"'{name}' is '{text[:40]}', not a number.")
    return value


def _row(survey: Survey, text: str) -> int:
    """Return a row of the dataset.

    Raises
    ------
    DataError
        If there is none of that number.
    """
    row = int(_as_number(text, "row"))
    if not 0 <= row < len(survey.run.dataset):
        raise DataError(f"There is no row {row}: there are {len(survey.run.dataset):,} objects.")
    return row
