"""What an integer network computes with: formats, shifts, proved accumulators, line memory."""

from typing import Any

import numpy as np

from hwrts.fixed_point import Network, frame_bits, plan_lines, whole_frame


def describe(network: Network, width: int) -> dict[str, Any]:
    """Everything that inspect shows, as plain values; the attack on each accumulator is really run.

    Args:
        network: The integer network.
        width: Of a picture row, for the line memory.
    """
    lines = plan_lines(network.steps)
    memory = lines.bits(width)
    layers = []
    convs = {conv.name: conv for conv in network.convs}  # those with weights to speak of
    sums = {each.name: each for each in network.requantised}
    for layer in network.layers:
        entry: dict[str, Any] = {
            "name": layer.name,
            "operator": type(layer).__name__,
            "sources": list(layer.sources),
        }
        entry |= {"channels": network.channels[layer.name], "format": str(network.formats[layer.name])}
        entry |= {
            "line_buffer_rows": lines.rows(layer.name),
            "line_buffer_bytes": -(-memory[layer.name] // 8),
        }
        if (conv := convs.get(layer.name)) is not None:
            rows, columns = conv.weight_i8.shape[2:]
            entry |= {"kernel": [rows, columns], "weight_bits": conv.weight_bits}
            numbers = {"groups": conv.groups, "stride": conv.stride, "dilation": conv.dilation}
            entry |= {name: number for name, number in numbers.items() if number > 1}
        if (made := sums.get(layer.name)) is not None:
            proof, sources = network.bounds[layer.name], network.formats_of(layer.sources)
            lowest, highest = made.attack(*sources)
            entry |= {
                "shift": np.broadcast_to(made.shift(*sources), proof.lowest.shape).tolist(),
                "accumulator": proof.as_json(),
                "attacked": {"lowest": lowest.tolist(), "highest": highest.tolist()},
            }
        layers.append(entry)
    return {
        "schema": "hwrts.inspect",
        "schema_version": 1,
        "rounding": network.rounding.value,
        "rounding_of_additions": network.rules.additions.value,
        "inputs": [
            {"name": tensor.name, "channels": tensor.channels, "format": str(tensor.out)}
            for tensor in network.inputs
        ],
        "width": width,
        "line_buffer_bytes": -(-sum(memory.values()) // 8),
        "latency_rows": lines.latency,
        "whole_frame": list(whole_frame(network.steps)),
        "frame_bits_per_input_pixel": _number(frame_bits(network.steps)),
        "sizes": {
            "scale": _number(network.scales[network.output]),
            "multiple": network.multiple,
            "smallest": list(network.smallest),
            "lacks": list(network.tensors[network.output].lacks),
        },
        "layers": layers,
    }


def _number(bits: Any) -> int | float:
    """Of a fraction, which JSON has no word for."""
    return int(bits) if bits == int(bits) else float(bits)


def reached(entry: dict[str, Any]) -> bool:
    """Whether the attack found exactly the proved interval; a layer that only moves codes has none."""
    proof, attacked = entry.get("accumulator", {}), entry.get("attacked", {})
    return all(proof.get(end) == attacked.get(end) for end in ("lowest", "highest"))
