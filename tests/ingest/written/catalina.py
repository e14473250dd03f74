"""The CSV of Catalina's photometry server."""

HEADER = "MasterID,Mag,Magerr,RA,Dec,MJD,Blend\n"

ONE = [
    (1001006032764, 16.45, 0.06, 15.188, -1.0367, 53563.434, 0),
    (1001006032764, 16.57, 0.07, 15.188, -1.0367, 53563.446, 1),
]

TWO = [(1001006032765, *row[1:3], 15.2, *row[4:]) for row in ONE]


def written(path, rows):
    path.write_text(HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path
