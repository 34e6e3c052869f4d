"""Any file that is said to be a network, by what it begins with."""

from hwrts.export.clients.file import ReadFile
from hwrts.export.clients.onnx_file import OnnxFile
from hwrts.export.clients.tflite_file import IDENTIFIER, TfliteFile
from hwrts.fixed_point import Network


def read_file(model: bytes, network: Network) -> ReadFile:
    """Boundary, layout, size and layers of a file.

    Args:
        model: Its bytes.
        network: The integer network that it is said to be.

    Raises:
        HwrtsError: It can be neither, or is of another network: other ends, channels, scales or sizes.
    """
    return TfliteFile(model, network) if model[4:8] == IDENTIFIER else OnnxFile(model, network)
