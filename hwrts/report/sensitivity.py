"""The plot of what fewer bits in single layers do to the picture."""

from hwrts.metrics import error_db
from hwrts.report.plots import Curve, Plot, line_plot
from hwrts.sensitivity.measure import Sensitivity

SHOWN = 7
"""At most so many layers are drawn, those that lose most: the plot has seven colours for measured curves."""


def sensitivity_plot(found: Sensitivity) -> Plot:
    """PSNR against the unreduced int8 output over the width of one layer's weights, a line for each layer."""
    measured = [layer for layer in found.layers if layer.reduced]
    worst = sorted(measured, key=lambda layer: max(each.mse_int8 for each in layer.reduced), reverse=True)
    drawn = worst[:SHOWN]
    curves = tuple(
        Curve(layer.name, tuple((each.weight_bits, error_db(each.mse_int8)) for each in layer.reduced))
        for layer in measured
        if layer in drawn
    )
    title = "One layer on fewer bits, all others as they are"
    if len(measured) > SHOWN:
        title += f": the {SHOWN} of {len(measured)} layers that lose most"
    return line_plot("sensitivity", title, "bits of its weights", "PSNR against int8, dB", curves)
