"""A file is opened once for all formats that want to know it."""

import io
import warnings

import numpy as np
from astropy.io import fits

from skybind.ingest.readers import look as looking
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import known_format


def a_table():
    columns = [fits.Column(name, "D", array=np.arange(5.0)) for name in ("wave", "flux")]
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(buffer)
    return buffer.getvalue()


def test_a_file_is_opened_once_whatever_number_of_formats_look(monkeypatch):
    opened, open_fits = [], looking.open_fits
    monkeypatch.setattr(looking, "open_fits", lambda *a: opened.append(a) or open_fits(*a))
    assert known_format("spectrum", Look(a_table(), "any.fits")) is None
    assert len(opened) == 1


def test_it_is_closed_afterwards_and_filters_of_warnings_are_as_before():
    before = list(warnings.filters)
    look = Look(a_table(), "any.fits")
    with look.opened():
        assert len(look.hdus) == 2
        with look.opened():  # a second time is the first
            assert look.has("wave", "flux")
        assert len(look.hdus) == 2
    assert look.hdus == ()
    assert warnings.filters == before


def test_bytes_that_break_off_are_of_no_format():
    whole = a_table()
    for end in (10, 2880, 2881, len(whole) - 2880):
        assert known_format("spectrum", Look(whole[:end], "any.fits")) is None
    assert known_format("photometry", Look(b"\x1f\x8b broken", "any.dat.gz")) is None
