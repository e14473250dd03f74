"""Tables sent to TOPCAT, Aladin and others by SAMP, and what they send (IVOA, SAMP 1.3)."""

import http.client
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from starlette.requests import Request

from skybind.errors import DataError
from skybind.explore.heard import (
    KINDS,
    TABLE,
    Heard,
    Message,
    Tables,
    fetched,
    forget_oldest,
    keep,
    understood,
)
from skybind.explore.selection import selection_table
from skybind.explore.survey import Questions, Survey
from skybind.files import raise_of_machine
from skybind.tables import legible, write_table

LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Messages that wait for the page, and that are held for pages that ask late.
HELD = 50
#: Says that the hub ends.
ENDS = "samp.hub.event.shutdown"
#: Seconds in which a hub has to answer; one whose program is stopped holds its connections open.
PATIENCE = 5.0


class Samp:
    """The explorer as a program that others on this machine talk to, through a hub of theirs.

    It joins the hub of TOPCAT or Aladin only when it is asked: for as long as it takes to send a
    table, or until it is told to listen no more.

    Parameters
    ----------
    survey : Survey
    """

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.tables: Tables = {}
        self._client: Any = None
        self._waiting: deque[Message] = deque()
        self._lock = threading.Lock()  # messages come in threads of their own
        self._heard: dict[int, Heard] = {}
        self._last = 0
        self._sent = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        survey.closing.append(self.close)

    def questions(
        self,
        arrow: Callable[..., Any],
        rows_of: Callable[[Survey, bytes], np.ndarray],
    ) -> Questions:
        """Return what the page may ask.

        Parameters
        ----------
        arrow, rows_of : callable
            Turn columns to an answer; read rows.
        """

        def heard(survey: Survey, request: Request) -> Any:
            return self.heard(_number(request, "after"))

        def rows(survey: Survey, request: Request) -> Any:
            return arrow({"row": self.rows(_number(request, "number")).astype(np.int32)})

        def send(survey: Survey, request: Request, body: bytes) -> Any:
            _check_here(request)
            return {"sent_to": self.send(rows_of(survey, body))}

        def listen(survey: Survey, request: Request, body: bytes) -> Any:
            _check_here(request)
            self.listen()
            return {"last": self._last}

        def stop(survey: Survey, request: Request, body: bytes) -> Any:
            self.stop()
            return {"last": self._last}

        asked = {"/api/samp/heard": heard, "/api/samp/rows": rows}
        sent = {"/api/samp": send, "/api/samp/listen": listen, "/api/samp/stop": stop}
        return asked, sent

    def send(self, rows: np.ndarray) -> list[str]:
        """Send the table of a selection to every program on this machine that takes tables.

        The table is a VOTable in a temporary folder that only this user can read, deleted when
        the explorer ends.

        Parameters
        ----------
        rows : ndarray of int
            Of the dataset.

        Returns
        -------
        list of str
            Names of the programs.

        Raises
        ------
        DataError
            If nothing is selected, no hub is on this machine, or no program takes tables.
        """
        if not len(rows):
            raise DataError("Nothing is selected: there is no table to send.")
        name = f"{self.survey.run.dataset.path.name}: {len(rows):,} selected"
        client = self._client or _joined("nothing was sent", callable=False)
        try:
            takers = _asked(lambda: _takers(client))
            path = self._place() / f"selection-{self._sent + 1}.vot"
            write_table(legible(selection_table(self.survey, rows)), path)
            self._sent += 1
            said = {"url": path.as_uri(), "name": name, "table-id": path.as_uri()}
            keep(self.tables, rows, path.as_uri())
            message = {"samp.mtype": TABLE, "samp.params": said}
            _asked(lambda: [client.notify(taker, message) for taker in takers])
        except _gone() as error:
            raise_of_machine(error)
            raise DataError("The SAMP hub does not answer any more: send again.") from error
        finally:
            if client is not self._client:
                _leave(client)
        return list(takers.values())

    @property
    def listening(self) -> bool:
        """Whether messages are taken."""
        return self._client is not None

    def listen(self) -> None:
        """Take messages of the programs on this machine from now on.

        Raises
        ------
        DataError
            If no hub is on this machine.
        """
        if self._client is not None:
            return
        client = _joined("the explorer does not listen to it", callable=True)

        def take(
            key: str, sender: str, call: str | None, kind: str, params: Any, extra: Any
        ) -> None:
            try:
                self._wait(client, self._message(sender, kind, params))
            finally:
                if call is not None:  # the sender waits
                    client.reply(call, {"samp.status": "samp.ok", "samp.result": {}})

        self._client = client
        try:
            _asked(lambda: [client.bind_receive_message(kind, take) for kind in (*KINDS, ENDS)])
        except _gone() as error:
            self.stop()
            raise_of_machine(error)
            raise DataError("The SAMP hub does not answer any more: listen again.") from error

    def stop(self) -> None:
        """Listen no more."""
        with self._lock:
            client, self._client = self._client, None
            while self._waiting:
                self._waiting.popleft().discard()
        if client is not None:
            _leave(client)

    def heard(self, after: int) -> dict[str, Any]:
        """Say what other programs sent since a message.

        Parameters
        ----------
        after : int
            Number of the last message that is known already.

        Returns
        -------
        dict
            `listening`; `last`, the number of the newest message; `heard`, of each newer one its
            `number`, `kind` (`rows`, of which `rows` gives the objects; `object`, with its `id`;
            `said`) and `said`, a sentence.
        """
        ended = self.listening and not self._hub_answers()
        while self._waiting:
            message = self._waiting.popleft()
            ended = ended or message.kind == ENDS
            if message.kind != ENDS:
                self._keep(self._understood(message))
        if ended:
            self._keep(
                Heard(
                    "said", "The SAMP hub does not answer any more: listen again once one is there."
                )
            )
        newer = [
            {"number": number, **heard.told()}
            for number, heard in self._heard.items()
            if number > after
        ]
        if ended:
            self.stop()
        return {"listening": self.listening, "last": self._last, "heard": newer}

    def rows(self, number: int) -> np.ndarray:
        """Return the rows of the dataset that a message named.

        Raises
        ------
        DataError
            If it is forgotten.
        """
        if number not in self._heard:
            raise DataError("What was sent is no longer held: send it again.")
        return self._heard[number].rows

    def close(self) -> None:
        """Leave the hub, and delete the tables that were sent."""
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()

    def _message(self, sender: str, kind: str, params: Any) -> Message:
        """Return what was sent; a table is taken at once, its sender may not keep it."""
        params = {str(name): value for name, value in dict(params).items()}
        message = Message(sender, kind, params)
        if kind == TABLE:
            try:
                message.path = fetched(str(params.get("url", "")), self._place(), LOOPBACK)
            except (DataError, OSError) as error:
                message.refused = str(error)
        return message

    def _wait(self, client: Any, message: Message) -> None:
        """Let a message wait for the page; of too many the oldest goes."""
        with self._lock:
            if client is not self._client:  # it came while the explorer left
                return message.discard()
            self._waiting.append(message)
            if len(self._waiting) > HELD:
                oldest = self._waiting.popleft()
                oldest.discard()
                oldest.forget(self.tables)

    def _understood(self, message: Message) -> Heard:
        name = self._name(message.sender)
        try:
            return understood(self.survey, message, name, self.tables)
        except DataError as error:
            return Heard("said", f"{name}: {error}")
        finally:
            message.discard()

    def _keep(self, heard: Heard) -> None:
        self._last += 1
        self._heard[self._last] = heard
        forget_oldest(self._heard, HELD, lambda one: len(one.rows))

    def _name(self, sender: str) -> str:
        try:
            said = _asked(lambda: self._client.get_metadata(sender))
            return str(said.get("samp.name", ""))[:40] or "A program"
        except _gone():
            return "A program"

    def _hub_answers(self) -> bool:
        try:
            _asked(self._client.ping)
        except _gone():
            return False
        return True

    def _place(self) -> Path:
        """Folder of the tables, which is there as long as the survey is open."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="skybind-samp-")
            return Path(self._folder.name)


def _check_here(request: Request) -> None:
    if request.client is None or request.client.host not in LOOPBACK:
        raise DataError(
            "SAMP is spoken with programs of the explorer's own machine: open it there."
        )


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DataError(f"'{name}' is '{text[:40]}', not the number of a message.")
    return int(text)


def _gone() -> tuple[type[Exception], ...]:
    """What is raised where a hub has ended."""
    with warnings.catch_warnings():  # astropy 8 says that it will give SAMP to another package
        warnings.simplefilter("ignore")
        from astropy.samp import SAMPClientError, SAMPHubError, SAMPProxyError
    return SAMPClientError, SAMPHubError, SAMPProxyError, OSError, http.client.HTTPException


def _asked(ask: Callable[[], Any]) -> Any:
    """Return what the hub answers.

    Raises
    ------
    TimeoutError
        If it does not within `PATIENCE`: the explorer's other questions wait for this one.
    """
    answer: Future[Any] = Future()

    def wait() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=wait, daemon=True).start()
    return answer.result(PATIENCE)


def _leave(client: Any) -> None:
    with suppress(*_gone()):
        _asked(client.disconnect)


def _joined(otherwise: str, callable: bool) -> Any:
    """Return a client of the hub on this machine.

    Parameters
    ----------
    otherwise : str
        What follows where the hub is not on this machine.
    callable : bool
        Whether it takes messages.
    """
    gone = _gone()
    from astropy.samp import SAMPIntegratedClient, conf

    with conf.set_temp("use_internet", False):
        client = SAMPIntegratedClient(name="skybind", addr="127.0.0.1", callable=callable)
        try:
            _asked(client.connect)
        except gone as error:
            raise_of_machine(error)
            raise DataError(
                "No SAMP hub answers on this machine: start TOPCAT or Aladin, and try again."
            ) from error
        where = urlsplit(client.hub.lockfile["samp.hub.xmlrpc.url"]).hostname
        if where not in LOOPBACK:
            _leave(client)
            raise DataError(
                f"The SAMP hub is at {where}, not on this machine: {otherwise}. Start TOPCAT or "
                "Aladin here."
            )
    return client


def _takers(client: Any) -> dict[str, str]:
    """Ids and names of the programs that take tables."""
    found = {}
    for taker in client.get_subscribed_clients(TABLE):
        found[str(taker)] = str(client.get_metadata(taker).get("samp.name", taker))
    if not found:
        raise DataError("No program takes tables by SAMP: start TOPCAT or Aladin, and send again.")
    return found
