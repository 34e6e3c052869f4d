"""The text of a whole circuit: one instance a layer, and the queues between them."""

from collections.abc import Mapping

from hwrts.export.rtl.circuit import SIZE_BITS, Circuit
from hwrts.export.rtl.netlist import Netlist, ports_of
from hwrts.export.rtl.routes import Route
from hwrts.export.rtl.templates import render
from hwrts.fixed_point import Layer

TOP = "hwrts_top"
"""Name of the module."""


def top_text(circuit: Circuit) -> str:
    """The Verilog of the top; the modules that it names are those of the library."""
    netlist = _netlist(circuit)
    return render(
        "top.v.j2",
        name=TOP,
        layers=circuit.network.layers,
        widest=circuit.settings.widest,
        size=SIZE_BITS,
        input=circuit.streams[circuit.network.inputs[0].name],
        output_word=circuit.out.channels * circuit.out.out.bits,
        load=circuit.load_port,
        wires=netlist.wires,
        assigns=netlist.assigns,
        instances=netlist.instances,
    )


def _netlist(circuit: Circuit) -> Netlist:
    netlist, streams = Netlist(), circuit.streams
    source = streams[circuit.network.inputs[0].name]
    clocked = {"clk": "clk", "reset": "reset"}
    sized = clocked | {"width": "width", "height": "height"}
    netlist.stream(source.signal, source.bits)
    netlist.instance(
        "hwrts_frame_in",
        "frame_in",
        {"WIDTH": source.bits, "SIZE": SIZE_BITS},
        sized
        | ports_of("s", "s")
        | {"s_start": "s_start"}
        | ports_of("m", source.signal)
        | {"error": "error"},
    )
    for number, layer in enumerate(circuit.network.layers):
        _layer(netlist, circuit, number, layer, sized if circuit.modules[layer.name].framed else clocked)
    for begin in dict.fromkeys((route.source, route.tap) for route in circuit.routes):
        _ways(netlist, circuit, *begin)
    out = circuit.out
    marks = {port: port for port in ("m_start", "m_end_of_row", "m_end")}
    netlist.instance(
        "hwrts_frame_out",
        "frame_out",
        {
            "WORD": out.channels * out.out.bits,
            "GROW": out.grow,
            "WIDEST": circuit.settings.widest,
            "SIZE": SIZE_BITS,
        },
        sized | ports_of("s", "way_out") | ports_of("m", "m") | marks,
    )
    return netlist


def _layer(netlist: Netlist, circuit: Circuit, number: int, layer: Layer, common: Mapping[str, str]) -> None:
    """A layer's instance, or its wires, and the streams in front of it and behind."""
    module, made = circuit.modules[layer.name], circuit.streams[layer.name]
    netlist.stream(made.signal, made.bits)
    operands = [
        netlist.stream(f"{made.signal}_{port}", circuit.streams[source].bits)
        for port, source in zip(module.operands, layer.sources, strict=True)
    ]
    if module.kind is None:
        netlist.assign(f"{made.signal}_valid", f"{operands[0]}_valid")
        netlist.assign(f"{operands[0]}_ready", f"{made.signal}_ready")
        bits = made.out.bits
        lanes = (f"{operands[0]}_data[{lane * bits} +: {bits}]" for lane in reversed(module.wires))
        netlist.assign(f"{made.signal}_data", "{" + ", ".join(lanes) + "}")
        return
    ports = dict(common)
    for port, operand in zip(module.operands, operands, strict=True):
        ports |= ports_of(port, operand)
    parameters = dict(module.parameters)
    if module.framed:
        parameters |= {"WIDEST": circuit.settings.widest, "SIZE": SIZE_BITS}
    if "TAPPED" in parameters:
        tap = netlist.stream(f"{made.signal}_tap", circuit.streams[layer.sources[0]].bits)
        ports |= ports_of("tap", tap)
        if not parameters["TAPPED"]:
            netlist.assign(f"{tap}_ready", "1'b1")
    if module.load_bits:
        ports |= _load_ports(circuit, number, *module.load_bits)
    netlist.instance(module.kind, f"{made.signal}_layer", parameters, ports | ports_of("m", made.signal))


def _load_ports(circuit: Circuit, number: int, word: int, address: int) -> dict[str, str]:
    """Of a layer whose weights can be written, or zeros."""
    if not circuit.settings.loadable:
        return {
            "load_weights": "1'b0",
            "load_biases": "1'b0",
            "load_address": f"{address}'d0",
            "load_data": f"{word}'d0",
        }
    mine = f"load_layer == 16'd{number}"
    return {
        "load_weights": f"load_weights && {mine}",
        "load_biases": f"load_biases && {mine}",
        "load_address": f"load_address[{address - 1}:0]",
        "load_data": f"load_data[{word - 1}:0]",
    }


def _ways(netlist: Netlist, circuit: Circuit, source: str, tap: str | None) -> None:
    """All ways from a tensor, or from the middle of a window: rows that several wait for are kept once."""
    stream = circuit.streams[source]
    begin = stream.signal if tap is None else f"{circuit.streams[tap].signal}_tap"
    mine = [route for route in circuit.routes if (route.source, route.tap) == (source, tap)]
    groups: dict[int, list[Route]] = {}
    for route in mine:
        groups.setdefault(route.rows, []).append(route)
    now = groups.pop(0, [])
    names = [_end(netlist, circuit, route) for route in now] + [f"{begin}_rows_{rows}" for rows in groups]
    branches = netlist.fork(begin, names, stream.bits)
    for route, name, branch in zip(now, names, branches, strict=False):
        _way(netlist, route, branch, name, stream.bits)
    for rows, branch in zip(groups, branches[len(now) :], strict=True):
        kept = netlist.stream(f"{begin}_rows_{rows}", stream.bits)
        depth = rows * circuit.settings.widest + max(route.words or 0 for route in groups[rows])
        netlist.queue(branch, kept, stream.bits, depth)
        ends = [_end(netlist, circuit, route) for route in groups[rows]]
        for end, of_it in zip(ends, netlist.fork(kept, ends, stream.bits), strict=True):
            if len(ends) == 1:
                netlist.join(of_it, end)
            else:
                netlist.queue(of_it, end, stream.bits, 2)


def _end(netlist: Netlist, circuit: Circuit, route: Route) -> str:
    """The stream that a route ends in."""
    stream = circuit.streams[route.source]
    if route.reader is None:
        return netlist.stream("way_out", stream.bits)
    return f"{circuit.streams[route.reader].signal}_{circuit.modules[route.reader].operands[route.operand]}"


def _way(netlist: Netlist, route: Route, begin: str, end: str, bits: int) -> None:
    if route.words is None:
        netlist.join(begin, end)
    else:
        netlist.queue(begin, end, bits, route.words)
