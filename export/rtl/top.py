"""The text of a whole circuit: one instance a layer, and the queues between them."""

from collections.abc import Mapping

from hwrts.export.rtl.circuit import Circuit
from hwrts.export.rtl.design import UNREAD
from hwrts.export.rtl.netlist import SIZE_BITS, Netlist, ports_of
from hwrts.export.rtl.routes import Route, bursts
from hwrts.export.rtl.stream import Stream
from hwrts.export.rtl.templates import render
from hwrts.fixed_point import Layer

TOP = "hwrts_top"
"""Name of the module."""
_CLOCKED = {"clk": "clk", "reset": "reset"}
_MARKS = ("m_start", "m_end_of_row", "m_end")


def top_text(circuit: Circuit) -> str:
    """The Verilog of the top; the modules that it names are those of the library."""
    netlist = netlist_of(circuit)
    return render(
        "top.v.j2",
        name=TOP,
        layers=circuit.network.layers,
        widest=circuit.settings.widest,
        tallest=circuit.most_rows,
        size=SIZE_BITS,
        doors=doors(circuit),
        exits=exits(circuit),
        load=circuit.load_port,
        wires=netlist.wires,
        assigns=netlist.assigns,
        instances=netlist.instances,
    )


def doors(circuit: Circuit) -> dict[str, Stream]:
    """The ports of the inputs, and what comes in: s, or s0, s1 and so on."""
    return _numbered("s", [circuit.streams[each.name] for each in circuit.network.inputs])


def exits(circuit: Circuit) -> dict[str, Stream]:
    """The ports of the outputs, and what goes out there, in squares: m, or m0, m1 and so on."""
    return _numbered("m", [circuit.streams[name] for name in circuit.network.outputs])


def _numbered(port: str, streams: list[Stream]) -> dict[str, Stream]:
    if len(streams) == 1:
        return {port: streams[0]}
    return {f"{port}{number}": stream for number, stream in enumerate(streams)}


def netlist_of(circuit: Circuit) -> Netlist:
    """All that is in it, put together."""
    netlist = Netlist()
    for port, stream in doors(circuit).items():
        netlist.stream(stream.signal, stream.bits)
        ports = _CLOCKED | _sized(netlist, stream)
        ports |= ports_of("s", port) | {"s_start": f"{port}_start"} | ports_of("m", stream.signal)
        parameters = {"WIDTH": stream.bits, "SIZE": SIZE_BITS}
        netlist.instance("hwrts_frame_in", f"frame_in_{port}", parameters, ports | {"error": f"{port}_error"})
    for number, layer in enumerate(circuit.network.layers):
        _layer(netlist, circuit, number, layer)
        if layer.name in circuit.tensors.parted:
            _parted(netlist, circuit, layer.name)
    for begin in dict.fromkeys((route.source, route.tap) for route in circuit.routes):
        _ways(netlist, circuit, *begin)
    for name in sorted(circuit.streams.keys() - {route.source for route in circuit.routes if not route.tap}):
        netlist.assign(f"{circuit.streams[name].signal}_ready", "1'b1")  # nobody reads it
    for number, (port, stream) in enumerate(exits(circuit).items()):
        marks = {mark: mark.replace("m", port, 1) for mark in _MARKS}
        _frame_out(netlist, circuit, stream, f"way_out_{number}", port, marks)
    return netlist


def _sized(netlist: Netlist, stream: Stream) -> dict[str, str]:
    """The ports of what counts the rows and columns of words of a stream."""
    grid = stream.grid
    return {
        what: netlist.size(what, grid.numerator, grid.denominator, lack)
        for what, lack in zip(("height", "width"), stream.lacks, strict=True)
    }


def _widest(circuit: Circuit, stream: Stream) -> int:
    """Columns of the largest frame of words."""
    return max(2, stream.size(1, circuit.settings.widest)[1])


def _frame_out(
    netlist: Netlist, circuit: Circuit, blocks: Stream, begin: str, end: str, marks: Mapping[str, str]
) -> None:
    """Words of a square become words of a pixel, row by row."""
    parameters = {
        "WORD": blocks.channels * blocks.out.bits,
        "GROW": blocks.grow,
        "WIDEST": _widest(circuit, blocks),
        "SIZE": SIZE_BITS,
    }
    ports = _CLOCKED | _sized(netlist, blocks) | ports_of("s", begin) | ports_of("m", end)
    netlist.instance("hwrts_frame_out", f"frame_out_{end}", parameters, ports | dict(marks))


def _parted(netlist: Netlist, circuit: Circuit, name: str) -> None:
    """From the squares that a layer makes to the pixels that are read."""
    blocks, signal = circuit.tensors.made[name], circuit.streams[name].signal
    queued = netlist.stream(f"{signal}_queued", blocks.bits)
    words = 2 + bursts(circuit.tensors, name, circuit.cycles, circuit.settings.widest)
    netlist.queue(f"{signal}_squares", queued, blocks.bits, words)
    marks = {mark: f"{signal}_{mark}" for mark in _MARKS}
    for wire in marks.values():
        netlist.wire(wire)
    _frame_out(netlist, circuit, blocks, queued, signal, marks)


def _layer(netlist: Netlist, circuit: Circuit, number: int, layer: Layer) -> None:
    """A layer's instance, or its wires, and the streams in front of it and behind."""
    module, made = circuit.modules[layer.name], circuit.tensors.made[layer.name]
    signal = netlist.stream(made.signal, circuit.streams[layer.name].bits)
    if layer.name in circuit.tensors.parted:
        signal = netlist.stream(f"{made.signal}_squares", made.bits)
    operands = [
        _operand(netlist, made, f"{made.signal}_{port}", circuit.streams[source])
        for port, source in zip(module.operands, layer.sources, strict=True)
    ]
    if module.kind is None:
        netlist.assign(f"{signal}_valid", f"{operands[0]}_valid")
        netlist.assign(f"{operands[0]}_ready", f"{signal}_ready")
        bits = made.out.bits
        lanes = (f"{operands[0]}_data[{lane * bits} +: {bits}]" for lane in reversed(module.wires))
        netlist.assign(f"{signal}_data", "{" + ", ".join(lanes) + "}")
        return
    ports = dict(_CLOCKED)
    if module.joined:
        ports |= {port: "{" + ", ".join(reversed(names)) + "}" for port, names in _together(operands).items()}
    else:
        for port, operand in zip(module.operands, operands, strict=True):
            if port == UNREAD:
                netlist.assign(f"{operand}_ready", "1'b1")
            else:
                ports |= ports_of(port, operand)
    parameters = dict(module.parameters)
    source = circuit.streams[layer.sources[0]]
    if module.window_rows is not None:
        ports |= _sized(netlist, source)
        parameters |= {"WIDEST": _widest(circuit, source), "SIZE": SIZE_BITS}
    if "TAPPED" in parameters:
        tap = netlist.stream(f"{made.signal}_tap", source.bits)
        ports |= ports_of("tap", tap)
        if not parameters["TAPPED"]:
            netlist.assign(f"{tap}_ready", "1'b1")
    if module.load_bits:
        ports |= _load_ports(circuit, number, *module.load_bits)
    netlist.instance(module.kind, f"{made.signal}_layer", parameters, ports | ports_of("m", signal))


def _operand(netlist: Netlist, made: Stream, name: str, source: Stream) -> str:
    """The stream that a layer reads: that of a route, or what holds its one word for a whole frame."""
    netlist.stream(name, source.bits)
    if source.spread(made) is source:
        return name
    held = netlist.stream(f"{name}_held", source.spread(made).bits)
    parameters = {"WIDTH": source.bits, "TIMES": made.grow**2, "SIZE": SIZE_BITS}
    ports = _CLOCKED | _sized(netlist, made) | ports_of("s", name) | ports_of("m", held)
    netlist.instance("hwrts_hold", f"{name}_hold", parameters, ports)
    return held


def _together(operands: list[str]) -> dict[str, list[str]]:
    """The ports of all operands in one."""
    return {f"s_{part}": [f"{each}_{part}" for each in operands] for part in ("valid", "ready", "data")}


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
        depth = rows * _widest(circuit, stream) + max(route.words or 0 for route in groups[rows])
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
        return netlist.stream(f"way_out_{route.operand}", stream.bits)
    return f"{circuit.streams[route.reader].signal}_{circuit.modules[route.reader].operands[route.operand]}"


def _way(netlist: Netlist, route: Route, begin: str, end: str, bits: int) -> None:
    if route.words is None:
        netlist.join(begin, end)
    else:
        netlist.queue(begin, end, bits, route.words)
