"""HATS catalogues, written by pyarrow in the layout of the standard."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_FINEST = 29


def healpix(ra, dec):
    """HEALPix cells of order 29, nested, of positions [deg] between the tropics (|dec| < 41).

    Gorski et al. 2005, section 4.1.
    """
    nside = 1 << _FINEST
    turn = np.asarray(ra) / 90
    across = nside * 0.75 * np.sin(np.radians(dec))
    down, up = (np.floor(nside * (0.5 + turn) + s * across).astype(np.int64) for s in (-1, 1))
    a, b = down >> _FINEST, up >> _FINEST
    face = np.where(a == b, a % 4 + 4, np.where(a < b, a, b + 8))
    x, y = up & (nside - 1), nside - 1 - (down & (nside - 1))
    cell = face << 2 * _FINEST
    for bit in range(_FINEST):
        cell |= ((x >> bit) & 1) << 2 * bit | ((y >> bit) & 1) << 2 * bit + 1
    return cell


def write_hats(folder, table, order=2, most=10, suffix=".parquet", properties="hats.properties",
               kind="object", **said):  # fmt: skip
    """Write a table with `ra` and `dec` as a catalogue; cells of more rows than `most` are parted.

    Returns
    -------
    ndarray of int
        Rows of the table in the order of the catalogue.
    """
    cell = healpix(*(table[name].to_numpy() for name in ("ra", "dec")))
    table = table.append_column("_healpix_29", pa.array(cell))
    root = folder / "dataset" if properties == "hats.properties" else folder
    cells, groups, rows = [], [], []

    def write(order, number, own):
        if len(own) > most and order < 9:
            for part in range(4):
                inside = own[(cell[own] >> 2 * (_FINEST - order - 1)) & 3 == part]
                if len(inside):
                    write(order + 1, number * 4 + part, inside)
            return
        own = own[np.argsort(cell[own], kind="stable")]
        at = f"Norder={order}/Dir={number // 10_000 * 10_000}/Npix={number}{suffix}"
        paths = [at] if suffix != "/" else [f"{at}part{i}.parquet" for i in range(2)]
        for path, some in zip(paths, np.array_split(own, len(paths)), strict=True):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table.take(some), root / path, metadata_collector=groups)
            groups[-1].set_file_path(path)
        cells.append((order, number))
        rows.extend(own.tolist())

    first = cell >> 2 * (_FINEST - order)
    for number in np.unique(first).tolist():
        write(order, number, np.flatnonzero(first == number))
    pq.write_metadata(table.schema, root / "_common_metadata")
    pq.write_metadata(table.schema, root / "_metadata", groups)
    pq.write_table(table.slice(0, 7), root / "data_thumbnail.parquet")
    pq.write_table(table.slice(0, 7), folder / "data_thumbnail.parquet")
    if properties == "catalog_info.json":
        keys = {"catalog_name": folder.name, "catalog_type": kind, "total_rows": len(table)}
        text = json.dumps(keys | {"ra_column": "ra", "dec_column": "dec"} | said)
    else:
        keys = {
            "obs_collection": folder.name, "dataproduct_type": kind, "hats_nrows": len(table),
            "hats_col_ra": "ra", "hats_col_dec": "dec", "hats_col_healpix": "_healpix_29",
            "hats_col_healpix_order": _FINEST, "hats_npix_suffix": suffix, "hats_version": "v1.0",
        }  # fmt: skip
        lines = [f"{key}={value}" for key, value in (keys | said).items()]
        text = "\n".join(["#HATS catalog", *lines]) + "\n"
        listed = "\n".join(["Norder,Npix", *(f"{o},{n}" for o, n in cells)])
        (folder / "partition_info.csv").write_text(listed + "\n")
    (folder / properties).write_text(text)
    return np.asarray(rows)


def write_collection(folder, table, **options):
    """Write a collection: the catalogue in a folder of its own, beside a margin of some rows."""
    rows = write_hats(folder / "main", table, **options)
    margin = {"kind": "margin", "hats_primary_table_url": "main", "hats_margin_threshold": 10.0}
    write_hats(folder / "main_10arcs", table.slice(0, 3), **margin)
    (folder / "collection.properties").write_text(
        "#HATS Collection\nobs_collection=main\nhats_primary_table_url=main\n"
        "all_margins=main_10arcs\ndefault_margin=main_10arcs\n"
    )
    return rows
