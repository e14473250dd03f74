"""OGLE's text without a header."""

import numpy as np

HJD = np.array([2167.64731, 2189.61293, 2212.6501])

MAG, ERR = np.array([18.322, 18.501, 18.41]), np.array([0.043, 0.05, 0.044])


def written(path, zero=0.0, more=""):
    rows = zip(HJD + zero, MAG, ERR, strict=True)
    path.write_text("".join(f"{t:.5f} {m:.3f} {e:.3f}{more}\n" for t, m, e in rows))
    return path
