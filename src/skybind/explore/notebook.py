"""The explorer in a notebook: the page of a server of one's own, in a frame below the cell."""

import time
from html import escape
from pathlib import Path
from threading import Thread
from typing import Any, Self

from skybind.errors import ConfigError
from skybind.explore.serve import prepare

#: Seconds in which a server begins to answer.
PATIENCE = 30.0


class Explorer:
    """A run served to this machine while the notebook's kernel lives, or until it is closed.

    A notebook shows it as a frame with the page. Where the browser runs on another machine than
    the kernel, forward the port of `address`.

    Parameters
    ----------
    folder : str or Path
        Of a run with embeddings.
    data : str or Path, optional
        The dataset, where it is not where the run was started on it.
    height : int
        Of the frame [pixels].
    read_only : bool
        Write nothing into the run's folder.

    Attributes
    ----------
    folder, height
        As above.
    address : str
        Of the page, for a window of its own; it holds the token.

    Raises
    ------
    ConfigError
        If the extra `explore` is not installed, or the server does not start.
    DataError
        If the run has no embeddings.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        data: str | Path | None = None,
        height: int = 760,
        read_only: bool = False,
    ) -> None:
        self.folder, self.height = Path(folder), height
        made = prepare(folder, data, "localhost", read_only=read_only, framed=True)
        self._server, self.address, self._listening, self._close = made
        self._thread = Thread(
            target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True
        )
        self._thread.start()
        began = time.monotonic()
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() - began > PATIENCE:
                self.close()
                raise ConfigError(f"The explorer of {folder} does not answer: open it again.")
            time.sleep(0.01)

    def close(self) -> None:
        """End the server; the frame answers no longer."""
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._listening.close()
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Explorer of {self.folder} at {self.address}>"

    def _repr_html_(self) -> str:
        address = escape(self.address)
        return (
            f'<iframe src="{address}" title="skybind explorer" width="100%" '
            f'height="{self.height}" style="border: 1px solid #8888"></iframe>'
            f'<div><a href="{address}" target="_blank" rel="noopener">in a window of its own</a>'
            "</div>"
        )
