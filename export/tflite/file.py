"""The TensorFlow Lite file of an integer network, for pictures of one size."""

from dataclasses import dataclass

from hwrts.export.tflite.flatbuffer import to_bytes
from hwrts.export.tflite.operators import EMITTERS
from hwrts.export.tflite.writer import Flavour, Writer
from hwrts.fixed_point import Network


@dataclass(frozen=True)
class TfliteFile:
    """A file and what it is.

    Attributes:
        model: Its bytes.
        flavour: Which operators were used.
        size: Height and width of its input.
        operators: How often each operator of the format stands in it.
        rewritten: Layers that are said by other operators than their own, a line each.
    """

    model: bytes
    flavour: Flavour
    size: tuple[int, int]
    operators: dict[str, int]
    rewritten: tuple[str, ...]


def to_tflite(network: Network, size: tuple[int, int], flavour: Flavour = Flavour.TFLITE) -> TfliteFile:
    """The file of int8 tensors (1, H, W, C): codes of bytes less 128, signed codes as they are.

    Which rounding it computes is the runtime's: the file says integers and shifts alone. Only tables, which
    Scale and PRelu become, hold codes that were rounded here, by the network's own rule.

    Args:
        network: The integer network.
        size: Height and width of its input.
        flavour: For processors, or for Ethos-U.

    Raises:
        HwrtsError: A size that the network does not take, or a layer that the format cannot say exactly.
    """
    network.check_size(*size)
    writer = Writer(network, size, flavour)
    for layer in network.layers:
        EMITTERS[type(layer)].write(writer, layer)
    fed = [writer.numbers[each.name] for each in network.inputs]
    made = [writer.numbers[name] for name in network.outputs]
    model = to_bytes(writer.tensors, writer.operators, fed, made, f"hwrts {flavour.value}")
    used = [entry.op.name for entry in writer.operators]
    counted = {name: used.count(name) for name in sorted(set(used))}
    return TfliteFile(model, flavour, size, counted, tuple(dict.fromkeys(writer.rewritten)))


def write_tflite(network: Network, size: tuple[int, int], flavour: Flavour = Flavour.TFLITE) -> bytes:
    """The bytes of :func:`to_tflite`; arguments and errors as there."""
    return to_tflite(network, size, flavour).model
