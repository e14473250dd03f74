"""Selections sent to TOPCAT, Aladin and others by SAMP (IVOA, Simple Application Messaging)."""

import tempfile
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from skybind.errors import DataError
from skybind.explore.selection import selection_table
from skybind.explore.survey import Survey
from skybind.files import raise_of_machine
from skybind.tables import write_table

#: What a program must understand to be sent a table.
TABLE = "table.load.votable"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def send_table(survey: Survey, rows: np.ndarray) -> list[str]:
    """Send the table of a selection to every program on this machine that takes tables.

    The hub is that of TOPCAT or Aladin, found as SAMP says; the table is a VOTable in a temporary
    folder that only this user can read, deleted when the explorer ends.

    Parameters
    ----------
    survey : Survey
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
    with warnings.catch_warnings():  # astropy 8 says that it will give SAMP to another package
        warnings.simplefilter("ignore")
        from astropy.samp import SAMPHubError, SAMPIntegratedClient, conf
    name = f"{survey.run.dataset.path.name}: {len(rows):,} selected"
    with conf.set_temp("use_internet", False):
        client = SAMPIntegratedClient(name="skybind", addr="127.0.0.1", callable=False)
        try:
            client.connect()
        except (SAMPHubError, OSError) as error:
            raise_of_machine(error)
            raise DataError(
                "No SAMP hub answers on this machine: start TOPCAT or Aladin, and send again."
            ) from error
        try:
            takers = _takers(client)
            number = sum(1 for _ in _folder(survey).iterdir()) + 1
            path = _folder(survey) / f"selection-{number}.vot"
            write_table(selection_table(survey, rows), path)
            said = {"url": path.as_uri(), "name": name, "table-id": path.as_uri()}
            for taker in takers:
                client.notify(taker, {"samp.mtype": TABLE, "samp.params": said})
        finally:
            client.disconnect()
    return list(takers.values())


def _takers(client: Any) -> dict[str, str]:
    """Ids and names of the programs that take tables; the hub has to be on this machine."""
    where = urlsplit(client.hub.lockfile["samp.hub.xmlrpc.url"]).hostname
    if where not in LOOPBACK:
        raise DataError(
            f"The SAMP hub is at {where}, not on this machine: nothing was sent. Start TOPCAT or "
            "Aladin here."
        )
    found = {}
    for taker in client.get_subscribed_clients(TABLE):
        found[str(taker)] = str(client.get_metadata(taker).get("samp.name", taker))
    if not found:
        raise DataError("No program takes tables by SAMP: start TOPCAT or Aladin, and send again.")
    return found


def _folder(survey: Survey) -> Path:
    """Folder of the tables that were sent, as long as the survey is open."""
    if survey.sent is None:
        survey.sent = tempfile.TemporaryDirectory(prefix="skybind-samp-")
    return Path(survey.sent.name)
