"""Training again with the answers, from the page: `skybind label train` beside the server."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from starlette.requests import Request

from skybind.errors import DataError
from skybind.explore.survey import Questions, Survey
from skybind.labelling.answers import read_answers
from skybind.texts import to_texts
from skybind.words import duration

State = Literal["never", "running", "done", "failed", "stopped"]

#: How a line of the training's progress tells the epoch.
EPOCH = re.compile(r"epoch (\d+)/(\d+)")
#: How long a training that is asked to stop may take to end what it writes [s].
PATIENCE = 20.0


class Retraining:
    """The training with answers that the page started last; one at a time.

    Parameters
    ----------
    survey : Survey
    """

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="skybind-explore-")
        self._state: State = "never"
        self._began = self._took = 0.0
        self._before: np.ndarray | None = None
        self._changed: np.ndarray | None = None
        self._compared = ""
        survey.closing.append(self.close)

    def questions(self, arrow: Callable[..., Any]) -> Questions:
        """Return what the page may ask.

        Parameters
        ----------
        arrow : callable
            Turns columns to an answer.
        """

        def state(survey: Survey, request: Request) -> dict[str, Any]:
            return self.state()

        def changed(survey: Survey, request: Request) -> Any:
            return arrow({"row": self.changed.astype(np.int32)})

        def start(survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
            self.start(request.query_params.get("frozen") == "yes")
            return self.state()

        def stop(survey: Survey, request: Request, body: bytes) -> dict[str, Any]:
            self.stop()
            return self.state()

        asked = {"/api/training": state, "/api/changed": changed}
        sent = {"/api/train": start, "/api/train/stop": stop}
        return asked, sent

    def start(self, frozen: bool) -> None:
        """Start to train.

        Parameters
        ----------
        frozen : bool
            Train the head only.

        Raises
        ------
        DataError
            If nothing may be written, there are no answers, or a training is under way.
        """
        if self.survey.refused:
            raise DataError(self.survey.refused)
        if self.state()["state"] == "running":
            raise DataError("A training is under way: wait for it, or stop it.")
        run = self.survey.run
        if not read_answers(run.folder):
            raise DataError("There are no answers to train with yet: judge some objects first.")
        self._before, self._compared = self._shown()
        program = [sys.executable, "-m", "skybind", "label", "train", str(run.folder)]
        program += ["--data", str(run.dataset.path), *(["--frozen"] if frozen else [])]
        environment = {k: v for k, v in os.environ.items() if k != "SKYBIND_LOG"}
        with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
            self._process = subprocess.Popen(
                program, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
            )
        self._began, self._state, self._changed = time.monotonic(), "running", None

    def stop(self) -> None:
        """Ask the training to end; what stands in the run's folder stays whole."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end("stopped")

    def close(self) -> None:
        """End with the server."""
        self.stop()
        self._folder.cleanup()

    def state(self) -> dict[str, Any]:
        """Say how far the training is, and what came out of it."""
        if self._state == "running" and self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._end("done" if code == 0 else "failed")
        lines = self._lines("err")
        epochs = [found for line in lines if (found := EPOCH.search(line))]
        took = time.monotonic() - self._began if self._state == "running" else self._took
        return {
            "state": self._state,
            "share": int(epochs[-1][1]) / int(epochs[-1][2]) if epochs else 0.0,
            "line": lines[-1] if lines and self._state != "done" else "",
            "took": duration(took),
            "sentences": self._lines("out") if self._state == "done" else [],
            "changed": None if self._changed is None else len(self._changed),
            "compared": self._compared,
        }

    @property
    def changed(self) -> np.ndarray:
        """Rows of the objects that the last training gave another class.

        Raises
        ------
        DataError
            If nothing was trained since the explorer was started.
        """
        if self._changed is None:
            raise DataError("Nothing was trained with answers since the explorer was started.")
        return self._changed

    def _end(self, state: State) -> None:
        """Note how a training ended, and which classes it changed."""
        self._state, self._took = state, time.monotonic() - self._began
        if state != "done":
            return
        after, _ = self._shown()
        before = self._before
        if after is not None:
            differs = after != (before if before is not None else np.full(len(after), ""))
            self._changed = np.flatnonzero(differs)

    def _shown(self) -> tuple[np.ndarray | None, str]:
        """Class of every object as it is shown now, and by which classifier."""
        if self.survey.answered is not None:
            table, name = self.survey.answered, "the classifier of the answers before"
        elif self.survey.classes is not None:
            table, name = self.survey.classes.table, "the run's classifier"
        else:
            return None, "no classifier"
        return to_texts(table["class"]), name

    def _file(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _lines(self, name: str) -> list[str]:
        if not self._file(name).exists():
            return []
        text = self._file(name).read_text("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]
