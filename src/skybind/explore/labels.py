"""Labelling by keys: what the page asks of queues, and what it says of objects."""

import getpass
import json
from functools import cached_property
from typing import Any

from starlette.requests import Request

from skybind.errors import DataError, SkybindError
from skybind.explore.kept import Kept
from skybind.explore.queues import (
    KEPT,
    NEXT,
    NO_DISCOVERIES,
    Queue,
    find_queue,
    kept_queue,
    next_queue,
    queues_of,
)
from skybind.explore.survey import Questions, Survey
from skybind.files import check_name
from skybind.labelling.judgements import Judgement

#: Objects of a queue that the page is given at a time.
GIVEN = 200
#: Most characters of a name, a class or of what was seen.
LONGEST = 300


class Desk:
    """Queues of a survey, and the judgements of those who look at them.

    Parameters
    ----------
    survey : Survey
    """

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.judgements = survey.judgements
        self._next: Queue | None = None
        self._kept: dict[str, tuple[int, Queue]] = {}  # with the time of each file

    @cached_property
    def queues(self) -> dict[str, Queue]:
        """All queues that need no computing, by name."""
        return queues_of(self.survey)

    def questions(self) -> Questions:
        """Return what the page may ask."""
        asked = {"/api/queues": self._queues, "/api/queue": self._queue}
        return asked, {"/api/judge": self._judge, "/api/undo": self._undo}

    def overview(self) -> dict[str, Any]:
        """Say which queues there are and how far each is, and who can answer what."""
        kept, damaged = self._selections()
        told = [
            {
                "name": queue.name,
                "title": queue.title,
                "description": queue.description,
                **self._progress(queue),
            }
            for queue in [*self.queues.values(), *kept]
        ]
        name, title, description = NEXT
        last = {"total": None, "judged": None} if self._next is None else self._progress(self._next)
        told.append({"name": name, "title": title, "description": description, **last})
        lacks = self.survey.suspects is None
        hint = NO_DISCOVERIES.format(folder=self.survey.run.folder) if lacks else ""
        return {
            "queues": told,
            "classes": self.judgements.classes,
            "judged": len(self.judgements.standing()),
            "answers": len(self.judgements.answers()),
            "who": _user(),
            "refused": self.survey.refused,
            "hint": " ".join(filter(None, [hint, damaged])),
        }

    def queue(self, name: str, new: bool = False) -> dict[str, Any]:
        """Return a queue's first objects that were not judged, and how far it is.

        Parameters
        ----------
        name : str
        new : bool
            Propose anew what to label next; otherwise the last proposal is gone through first.
        """
        if name == NEXT[0]:
            if self._next is None or new or not self._progress(self._next)["left"]:
                self._next = next_queue(self.survey)
            queue = self._next
        elif name.startswith(KEPT):
            queue = self._selection(name.removeprefix(KEPT))
        else:
            queue = find_queue(self.queues, name, self.survey.run.folder)
        ids = self.survey.run.dataset.object_ids
        done = self._done()
        items: list[dict[str, Any]] = []
        for row, why, suggested in zip(
            queue.rows.tolist(), queue.why, queue.suggested, strict=True
        ):
            if len(items) == GIVEN:
                break
            if str(ids[row]) not in done:
                items.append(
                    {
                        "object_id": str(ids[row]),
                        "row": row,
                        "why": why,
                        "suggested": suggested or None,
                    }
                )
        return {
            "name": queue.name,
            "title": queue.title,
            "notes": queue.notes,
            "items": items,
            **self._progress(queue),
        }

    def _queues(self, survey: Survey, request: Request) -> dict[str, Any]:
        return self.overview()

    def _queue(self, survey: Survey, request: Request) -> dict[str, Any]:
        asked = request.query_params
        return self.queue(asked.get("name", ""), asked.get("new") == "yes")

    def _judge(self, survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
        """Keep a judgement; it is on the disk when this answers."""
        said = self._said(body)
        seen = {name: said[name] for name in ("queue", "map", "period") if said.get(name)}
        new = (said["label"],) if said.get("new") == "yes" else ()
        made = self.judgements.judge(
            said.get("object_id", ""),
            said.get("verdict", ""),
            said.get("label"),
            said.get("who") or _user(),
            seen,
            new,
        )
        told = self._told(made, said.get("queue", ""))
        if made.label is not None and not made.note:
            told["judgement"]["note"] = self.judgements.measures(made.object_id)
        return told

    def _undo(self, survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
        """Take a judgement back: the one that the page names, or the person's last."""
        said = self._said(body)
        number = said.get("number") or None
        if number is not None and not (number.isascii() and number.isdigit()):
            raise DataError(f"There is no judgement '{number}' that could be undone.")
        undone = self.judgements.undo(
            said.get("who") or _user(), None if number is None else int(number)
        )
        return self._told(undone, undone.seen.get("queue", ""))

    def _said(self, body: bytes) -> dict[str, str]:
        """Read what the page sent.

        Raises
        ------
        DataError
            If nothing may be written, or it is not what the page sends.
        """
        if self.survey.refused:
            raise DataError(self.survey.refused)
        try:
            said = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or not all(isinstance(v, str) for v in said.values()):
            raise DataError("The judgement is damaged: give it again.")
        for name, value in said.items():
            if name != "object_id" and len(value) > LONGEST:
                raise DataError(f"'{name}' has {len(value):,} characters: {LONGEST} are enough.")
        return said

    def _told(self, judgement: Judgement, queue: str) -> dict[str, Any]:
        known = self._next if queue == NEXT[0] else self.queues.get(queue)
        if queue.startswith(KEPT):
            try:
                known = self._selection(queue.removeprefix(KEPT))
            except SkybindError:  # it was deleted meanwhile; what was judged stands
                known = None
        progress = None if known is None else self._progress(known)
        return {"judgement": judgement.plain(), "progress": progress}

    def _selection(self, name: str) -> Queue:
        """Return the queue of a kept selection, which is read again when it was kept anew."""
        check_name(name, "The selection's name")
        path = self.survey.run.paths.selections / f"{name}.parquet"
        made = path.stat().st_mtime_ns if path.exists() else 0
        if self._kept.get(name, (0,))[0] != made or not made:
            self._kept[name] = made, kept_queue(self.survey, name)
        return self._kept[name][1]

    def _selections(self) -> tuple[list[Queue], str]:
        """Return the queues of the kept selections, and why there are none where one is damaged."""
        queues: list[Queue] = []
        why = ""
        for name in Kept(self.survey).names():
            try:
                queues.append(self._selection(name))
            except SkybindError as error:  # of one, the others are sound
                why = why or str(error)
        return queues, why

    def _done(self) -> set[str]:
        """Names of the objects that were judged or answered."""
        return {*self.judgements.standing(), *self.judgements.answers()}

    def _progress(self, queue: Queue) -> dict[str, int]:
        done = self._done()
        names = self.survey.run.dataset.object_ids[queue.rows].tolist()
        judged = sum(name in done for name in names)
        return {"total": len(names), "judged": judged, "left": len(names) - judged}


def _user() -> str:
    """Return the name of the user of this machine."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have none
        return "somebody"
