"""A folder with a circuit, and with what shows that it computes what the network says."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hwrts.export.rtl.bench import bench_text, vector_files
from hwrts.export.rtl.circuit import Circuit, circuit_of
from hwrts.export.rtl.design import Settings
from hwrts.export.rtl.folding import total_multipliers
from hwrts.export.rtl.templates import bench_modules, library, render
from hwrts.export.rtl.top import TOP, top_text
from hwrts.export.stimuli import noise_codes, synthetic_codes
from hwrts.export.vectors.ties import tie_frames
from hwrts.fixed_point import HwrtsError, Network, Requantised

Frames = Sequence[NDArray[np.integer]]

_LARGEST = (9, 13)
"""Rows and columns of what a circuit is tried with: an interpreting simulator takes seconds for it."""
_TIES = 6
"""Frames with ties of each layer."""


def rtl_files(network: Network, settings: Settings) -> dict[str, str]:
    """Text by the name of the file: the circuit, its testbench, vectors, and a Makefile that runs them.

    Args:
        network: The integer network.
        settings: What is chosen.

    Raises:
        HwrtsError: It has no Verilog, as of :func:`circuit_of`.
    """
    circuit = circuit_of(network, settings)
    files = {f"library/{name}": text for name, text in library().items()}
    files |= {f"bench/{name}": text for name, text in bench_modules().items()}
    tests = [_tested("network", circuit, _pictures(network), files)]
    for number, layer in enumerate(network.layers):
        if isinstance(layer, Requantised):
            alone = _alone(network, layer.name, settings, circuit)
            if alone is not None:
                tests.append(_tested(f"layer_{number}", alone, _for_layer(network, layer.name), files))
    files["Makefile"] = render("Makefile.j2", top=TOP, tests=tests)
    files["README.md"] = render(
        "README.md.j2",
        top=TOP,
        circuit=circuit,
        input=circuit.streams[network.inputs[0].name],
        deepest=max((conv.window.after for conv in network.convs), default=0),
        multipliers=total_multipliers(circuit.foldings),
        cycles=max((circuit.foldings[conv.name].cycles(conv) for conv in network.convs), default=1),
    )
    files["circuit.json"] = json.dumps(_described(circuit), indent=1) + "\n"
    return files


def _tested(
    folder: str, circuit: Circuit, cases: Mapping[str, Frames], files: dict[str, str]
) -> dict[str, object]:
    """Put a circuit and its vectors into a folder; returns what the Makefile says of it."""
    words = max(len(frames) * frames[0].shape[0] * frames[0].shape[1] for frames in cases.values())
    files[f"{folder}/hwrts_top.v"] = top_text(circuit)
    files[f"{folder}/hwrts_tb.v"] = bench_text(circuit, words)
    files |= {f"{folder}/{name}": text for name, text in circuit.memories.items()}
    runs = []
    for number, frames in enumerate(cases.values()):
        height, width = frames[0].shape[:2]
        for name, text in vector_files(circuit, frames).items():
            files[f"{folder}/vectors_{number}/{name}"] = text
        pauses = (0, 0) if number == 0 else (64, 96)
        runs.append((f"vectors_{number}", height, width, len(frames), *pauses))
    return {"folder": folder, "runs": runs}


def _pictures(network: Network) -> dict[str, Frames]:
    """What the whole network is tried with: no picture larger than an interpreting simulator likes."""
    source = network.inputs[0]
    rows, columns = _LARGEST
    pictures = {name: each[source.name][:rows, :columns] for name, each in synthetic_codes([source]).items()}
    noise = noise_codes(source.channels, source.out, (2 * rows, columns))
    cases: dict[str, Frames] = {"frames that follow one another": [noise[:rows], noise[rows:]]}
    return cases | {name: [picture] for name, picture in pictures.items() if name not in ("noise", "ramp")}


def _alone(network: Network, name: str, settings: Settings, whole: Circuit) -> Circuit | None:
    """The circuit of one layer, folded as in the whole; None where it reads several tensors."""
    single = network.single(name)
    if len(single.inputs) != 1:
        return None
    foldings = {key: value for key, value in whole.foldings.items() if key == name}
    try:
        return circuit_of(single, settings, foldings)
    except HwrtsError:  # pragma: no cover - what can be in a network and not alone
        return None


def _for_layer(network: Network, name: str) -> dict[str, Frames]:
    """What a layer alone is tried with: noise over the whole range of its source, and its ties."""
    (source,) = set(network.layer(name).sources)
    ties = tie_frames(network, name, (6, 7))[source][:_TIES]
    channels, out = network.channels[source], network.formats[source]
    return {"noise": [noise_codes(channels, out, (7, 9))], "ties": ties}


def _described(circuit: Circuit) -> dict[str, object]:
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
