"""A folder with a circuit, and with what shows that it computes what the vectors beside it say."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hwrts.export.c.names import identifiers
from hwrts.export.rtl.bench import bench_text
from hwrts.export.rtl.circuit import Circuit, circuit_of
from hwrts.export.rtl.design import Settings
from hwrts.export.rtl.gates import multipliers_of
from hwrts.export.rtl.loading import load_file, load_words
from hwrts.export.rtl.stream import deepest
from hwrts.export.rtl.templates import bench_modules, library, render
from hwrts.export.rtl.top import TOP, doors, exits, top_text
from hwrts.fixed_point import HwrtsError, Network

Cases = Sequence[Mapping[str, Any]]
"""As the manifest of vectors has them."""
VECTORS = "../vectors"
"""Where the vectors are, seen from the circuit's folder."""
_LOAD = "load.mem"
"""What the port of a circuit with loadable weights is given."""
_PAUSES = (64, 96)
"""Of 256 clocks in front of the circuit and behind it, in every case of a circuit but its first."""


def rtl_files(network: Network, settings: Settings, cases: Cases) -> dict[str, str]:
    """Text by the name of the file: the circuit, its testbench, and a Makefile that runs it on vectors.

    Args:
        network: The integer network.
        settings: What is chosen.
        cases: Those of the folder of vectors that will lie beside it.

    Raises:
        HwrtsError: It has no Verilog, as of :func:`circuit_of`.
    """
    circuit = circuit_of(network, settings)
    ids = identifiers(network)
    files = {f"library/{name}": text for name, text in library().items()}
    files |= {f"bench/{name}": text for name, text in bench_modules().items()}
    whole = [case for case in cases if case["layer"] is None]
    tests, not_alone = [_tested("network", circuit, whole, ids, files)], dict[str, str]()
    for number, layer in enumerate(network.layers):
        mine = [case for case in cases if case["layer"] == ids[layer.name]]
        foldings = {name: folding for name, folding in circuit.foldings.items() if name == layer.name}
        try:  # folded as in the whole
            alone = circuit_of(network.single(layer.name), settings, foldings)
        except HwrtsError as error:  # pragma: no cover - what can be in a network and not alone
            not_alone[ids[layer.name]] = str(error)
            continue
        if mine:
            tests.append(_tested(f"layer_{number}", alone, mine, ids, files))
    loads = len(load_words(circuit))
    if loads:
        files[f"network/{_LOAD}"] = load_file(circuit)
    files["Makefile"] = render(
        "Makefile.j2", top=TOP, tests=tests, vectors=VECTORS, loads=loads, loadable=_loadable(circuit)
    )
    files["README.md"] = render(
        "README.md.j2",
        top=TOP,
        circuit=circuit,
        doors=doors(circuit),
        exits=exits(circuit),
        multiple=network.multiple,
        deepest=deepest(network),
        multipliers=multipliers_of(network, circuit.foldings),
        cycles=circuit.cycles,
        vectors=VECTORS,
        not_alone=not_alone,
    )
    files["circuit.json"] = json.dumps(_described(circuit, ids) | {"not_alone": not_alone}, indent=1) + "\n"
    return files


def _loadable(circuit: Circuit) -> list[str]:
    """Files of memories that are written through the port; tables are constants whatever is loaded."""
    return [name for module in circuit.modules.values() if module.load_bits for name in module.memories]


def _tested(
    folder: str, circuit: Circuit, cases: Cases, ids: Mapping[str, str], files: dict[str, str]
) -> dict[str, object]:
    """Put a circuit and its testbench into a folder; returns what the Makefile says of it."""
    inputs = circuit.network.inputs  # the first that is a picture says how large a frame is
    fed, runs, words = ids[next((each for each in inputs if not each.whole), inputs[0]).name], [], 1
    for number, case in enumerate(cases):
        frames, height, width, _ = case["codes"][fed]["shape"]
        words = max(words, frames * height * width)
        pauses = _PAUSES if number else (0, 0)
        runs.append(
            {"case": case["id"], "height": height, "width": width, "frames": frames, "pauses": pauses}
        )
    files[f"{folder}/hwrts_top.v"] = top_text(circuit)
    files[f"{folder}/hwrts_tb.v"] = bench_text(circuit, words, ids)
    files |= {f"{folder}/{name}": text for name, text in circuit.memories.items()}
    return {"folder": folder, "runs": runs, "layers": len(circuit.network.layers)}


def _described(circuit: Circuit, ids: Mapping[str, str]) -> dict[str, object]:
    """Which signals and files belong to which layer; names that hold anything stand here alone."""
    network = circuit.network
    layers = []
    for number, layer in enumerate(network.layers):
        stream, module = circuit.streams[layer.name], circuit.modules[layer.name]
        folding = circuit.foldings.get(layer.name)
        layers.append(
            {
                "number": number,
                "name": layer.name,
                "operator": type(layer).__name__,
                "signal": stream.signal,
                "vectors": ids[layer.name],
                "module": module.kind,
                "word": {
                    "bits": stream.bits,
                    "pixels": f"{stream.grow}x{stream.grow}",
                    "channels": stream.channels,
                    "format": str(stream.out),
                },
                "memories": list(module.memories),
                "folding": None if folding is None else {"pe": folding.pe, "simd": folding.simd},
            }
        )
    queues = [
        {
            "from": circuit.streams[route.source].signal,
            "to": None if route.reader is None else circuit.streams[route.reader].signal,
            "from_the_window_of": None if route.tap is None else circuit.streams[route.tap].signal,
            "words": route.rows * circuit.settings.widest + (route.words or 0),
        }
        for route in circuit.routes
    ]
    return {"rounding": str(network.rules), "layers": layers, "queues": queues}
