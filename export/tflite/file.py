"""The TensorFlow Lite file of an integer network, for pictures of one size."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hwrts.export.clients import CLIENTS, ClientFile, End, under
from hwrts.export.clients.check import rules_said
from hwrts.export.restated import restated
from hwrts.export.tflite.flatbuffer import to_bytes
from hwrts.export.tflite.operators import EMITTERS, SAID_BY_OTHERS
from hwrts.export.tflite.target import TfliteTarget
from hwrts.export.tflite.writer import Flavour, Writer, zero_point
from hwrts.fixed_point import Network, RoundingRules


@dataclass(frozen=True)
class TfliteFile:
    """A file and what it is.

    Attributes:
        model: Its bytes.
        flavour: Which operators were used.
        size: Height and width of its input.
        operators: How often each operator of the format stands in it.
        rewritten: Layers that are said by other operators than their own, a line each.
        network: What it says.
    """

    model: bytes
    flavour: Flavour
    size: tuple[int, int]
    operators: dict[str, int]
    rewritten: tuple[str, ...]
    network: Network

    @property
    def for_clients(self) -> ClientFile:
        """How codes go into it and come out."""
        network = self.network

        def ends(names: Iterable[str]) -> tuple[End, ...]:
            outs = [(name, network.formats[name]) for name in names]
            return tuple(End(name, name, out, "int8", zero_point(out), True) for name, out in outs)

        inputs = ends(each.name for each in network.inputs)
        return ClientFile(self.model, "tflite", inputs, ends(network.outputs))

    def described(self, target: TfliteTarget) -> dict[str, Any]:
        """Its entry of a manifest, without what clients made of it; keys as of an ONNX file's.

        XNNPACK turns accumulators into float32 before it rounds: layers where these can be 2**24 or more, so
        that a code beside a tie could be one off, are named.
        """
        network = self.network
        names = [*(each.name for each in network.inputs), *network.outputs]
        client, default = target.runtime(network.rules), target.other_default(network.rules)
        return {
            "name": target.name,
            "purpose": target.purpose,
            "file": f"model.{target.name}.tflite",
            "bytes": len(self.model),
            "boundary": "int8",
            "stored_zero": {name: zero_point(network.formats[name]) for name in names},
            "layout": "NHWC, one picture",
            "size": list(self.size),
            "opset": None,
            "rounding": network.rounding.value,
            "rounding_of_additions": network.rules.additions.value,
            "client": client,
            **rules_said(CLIENTS[client].rules),
            "other_default": default and {"client": default, **rules_said(CLIENTS[default].rules)},
            "accumulators_beyond_float32": [
                conv.name for conv in network.convs if not network.bounds[conv.name].exact_in_float32
            ],
            "rewritten": list(self.rewritten),
            "operators": self.operators,
            "note": target.note,
        }


def to_tflite(network: Network, size: tuple[int, int], flavour: Flavour = Flavour.TFLITE) -> TfliteFile:
    """The file of int8 tensors (1, H, W, C): codes of bytes less 128, signed codes as they are.

    Which rounding it computes is the runtime's: the file says integers and shifts alone.

    Args:
        network: The integer network.
        size: Height and width of its input.
        flavour: For processors, or for Ethos-U.

    Raises:
        HwrtsError: A size that the network does not take, or a layer that the format cannot say exactly.
    """
    network.check_size(*size)
    said, which = restated(network, SAID_BY_OTHERS)
    writer = Writer(said, size, flavour)
    for layer in said.layers:
        EMITTERS[type(layer)].write(writer, layer)
    fed = [writer.numbers[each.name] for each in network.inputs]
    made = [writer.numbers[name] for name in network.outputs]
    model = to_bytes(writer.tensors, writer.operators, fed, made, f"hwrts {flavour.value}")
    used = [entry.op.name for entry in writer.operators]
    counted = {name: used.count(name) for name in sorted(set(used))}
    return TfliteFile(
        model, flavour, size, counted, tuple(dict.fromkeys((*which, *writer.rewritten))), network
    )


def other_codes(
    network: Network, rules: RoundingRules | None, size: tuple[int, int], flavour: Flavour, client: str
) -> str | None:
    """Why a client of these rules is no witness of a file: the file holds codes that were rounded by others.

    Args:
        network: The integer network that the file was written from.
        rules: The client's.
        size: Height and width of the file.
        flavour: Of the file.
        client: Its name, for the sentence.
    """
    if rules == network.rules:
        return None
    if to_tflite(network, size, flavour).model == to_tflite(under(network, rules), size, flavour).model:
        return None
    return f"{client}: rounds as {rules}, and the file holds codes that were rounded as {network.rules}"


def write_tflite(network: Network, size: tuple[int, int], flavour: Flavour = Flavour.TFLITE) -> bytes:
    """The bytes of :func:`to_tflite`; arguments and errors as there."""
    return to_tflite(network, size, flavour).model
