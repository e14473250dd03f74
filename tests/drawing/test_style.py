import base64
import io

import numpy as np
from PIL import Image

from skybind.drawing.style import inline, new_figure, report_style


def test_no_label_is_cut_by_the_edge():
    with report_style():
        figure = new_figure(2.25, 6.4)
        left, right = figure.subplots(1, 2)
        left.plot(np.arange(9), np.linspace(16.7, 18.6, 9))
        left.set_ylabel("Magnitude [mag]")
        right.set_ylabel("Flux [1e-17 erg / (s cm2 Angstrom)]")
        right.text(0.5, 1.02, "Ca II K, H", rotation=90, transform=right.transAxes)
        picture = inline(figure, "png")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))))
    assert (pixels[:, 0, :3] > 250).all()
    assert figure.axes[0].yaxis.label.get_window_extent().x0 > 0
