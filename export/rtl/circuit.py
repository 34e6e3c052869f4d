"""The plan of a circuit: everything that its text is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hwrts.export.rtl.design import Module, Place, Settings
from hwrts.export.rtl.folding import Folding, cycles_of, foldings_of
from hwrts.export.rtl.netlist import SIZE_BITS
from hwrts.export.rtl.operators import module_of
from hwrts.export.rtl.routes import Route, routes_of
from hwrts.export.rtl.stream import Stream, Streams, reduces, streams_of
from hwrts.fixed_point import HwrtsError, Layer, Network


@dataclass(frozen=True)
class Circuit:
    """A network in Verilog.

    Attributes:
        network: What it computes.
        settings: What was chosen.
        tensors: Its tensors.
        foldings: Its convolutions by name.
        modules: Its layers by name.
        routes: The ways between them.
    """

    network: Network
    settings: Settings
    tensors: Streams
    foldings: Mapping[str, Folding]
    modules: Mapping[str, Module]
    routes: Sequence[Route]

    @property
    def streams(self) -> Mapping[str, Stream]:
        """Its tensors by name, as they are read."""
        return self.tensors.read

    @property
    def out(self) -> Stream:
        """What goes out, in blocks; of several outputs the first."""
        return self.streams[self.network.output]

    @property
    def cycles(self) -> int:
        """Clocks for a pixel of the input."""
        return cycles_of(self.network, self.tensors, self.foldings) or 1

    @property
    def most_rows(self) -> int | None:
        """Of a frame, where a layer must have seen them all; None where any number will do."""
        return self.settings.tallest if any(map(reduces, self.network.layers)) else None

    @property
    def memories(self) -> dict[str, str]:
        """Text for $readmemh by the name of the file."""
        return {name: text for module in self.modules.values() for name, text in module.memories.items()}

    @property
    def load_port(self) -> dict[str, int] | None:
        """Bits of the port that weights are written through; None if they are constants."""
        sizes = [each.load_bits for each in self.modules.values() if each.load_bits]
        if not self.settings.loadable or not sizes:
            return None
        return {"word": max(word for word, _ in sizes), "address": max(address for _, address in sizes)}


def circuit_of(
    network: Network, settings: Settings, foldings: Mapping[str, Folding] | None = None
) -> Circuit:
    """Plan the circuit of a network.

    Args:
        network: The integer network.
        settings: What is chosen.
        foldings: Of its convolutions by name; None for as few multipliers as the settings allow.

    Raises:
        HwrtsError: An operator, or a shape of it, that has no Verilog yet; settings that cannot be.
    """
    if not 2 <= settings.widest < 1 << (SIZE_BITS - 1):
        raise HwrtsError(
            f"rtl: frames of {settings.widest} columns are not supported; use 2..{(1 << (SIZE_BITS - 1)) - 1}"
        )
    if settings.tallest < 1:
        raise HwrtsError(f"rtl: frames of {settings.tallest} rows are not supported; use 1 or more")
    streams = streams_of(network)
    foldings = foldings_of(network, settings.cycles) if foldings is None else foldings
    for layer in network.layers:  # before they are planned: what has no Verilog may have no plan
        module_of(layer, _place(network, streams, foldings, settings, layer, frozenset()))
    cycles = cycles_of(network, streams, foldings)
    routes = routes_of(network, streams, foldings, cycles, (settings.tallest, settings.widest))
    tapped = frozenset(route.tap for route in routes if route.tap)
    modules = {
        layer.name: module_of(layer, _place(network, streams, foldings, settings, layer, tapped))
        for layer in network.layers
    }
    return Circuit(network, settings, streams, foldings, modules, routes)


def _place(
    network: Network,
    streams: Streams,
    foldings: Mapping[str, Folding],
    settings: Settings,
    layer: Layer,
    tapped: frozenset[str],
) -> Place:
    return Place(
        tuple(streams.read[source].spread(streams.made[layer.name]) for source in layer.sources),
        streams.made[layer.name],
        network.rule_of(layer),
        network.bounds.get(layer.name),
        settings,
        foldings.get(layer.name),
        layer.name in tapped,
    )
