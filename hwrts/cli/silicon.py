"""What hwrts cost --silicon says: the circuit of an integer network, in numbers."""

from typing import TYPE_CHECKING, Any

from hwrts.cli.console import print_table

if TYPE_CHECKING:
    from hwrts.fixed_point import Network


def silicon_document(network: "Network", mode: str, clock_mhz: float) -> dict[str, Any]:
    """Counts of the circuit for a video mode of the output and a clock, as plain values.

    Raises:
        HwrtsError: The network has no circuit, or none that is so fast.
    """
    from hwrts.export.rtl import circuit_of
    from hwrts.export.rtl.counts import counts_of
    from hwrts.runs.circuit import AskedCircuit

    asked = AskedCircuit(mode=mode, clock_mhz=clock_mhz).in_strips(network)
    settings = asked.settings(network)
    counts = counts_of(circuit_of(network, settings)).times(asked.strips)
    return {
        "mode": mode,
        "clock_mhz": clock_mhz,
        "strips": asked.strips,
        "widest": settings.widest,
        **counts.as_json(),
    }


def print_silicon(document: dict[str, Any]) -> None:
    """The same as a table; docs/silicon.md has the formulas."""
    rows = [
        ["strips", f"{document['strips']:,}", "circuits side by side, each of a part of the columns"],
        ["multipliers", f"{document['multipliers']:,}", "of a code and a weight"],
        ["gates", f"{document['gates']:,}", "gate equivalents of these, their sums and registers"],
        ["flip-flops", f"{document['flip_flops']:,}", "of all, before mapping"],
        ["clocks a pixel", f"{document['cycles']:,}", f"of the input, {document['widest']:,} columns"],
        ["line memory", f"{document['planned_bits']:,}", "bits, as planned"],
        ["queues", f"{document['queue_bits']:,}", "bits beside it, between pipelines"],
        ["way out", f"{document['output_bits']:,}", "bits: rows of the output that wait"],
        ["constants", f"{document['constant_bits']:,}", "bits: weights, biases, shifts"],
        ["latency", f"{document['latency_rows']:,}", "input rows"],
    ]
    title = f"the circuit for {document['mode']} at the output, {document['clock_mhz']:g} MHz"
    print_table(title, ["what", "number", "of what"], rows)
