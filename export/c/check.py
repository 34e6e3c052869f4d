"""The programs that show that the model is what the vectors say: in C, of the network and of each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from hwrts.export.c.codes import Stored
from hwrts.export.c.model import HEADER_X86, PREFIX, alone, c_files
from hwrts.export.c.names import identifiers
from hwrts.export.templates import filled_file
from hwrts.fixed_point import Network

Cases = Sequence[Mapping[str, Any]]
"""As the manifest of vectors has them."""
WHOLE = "network"
"""The program of the whole network, which has no layer's name."""


def check_files(network: Network, cases: Cases) -> tuple[dict[str, str], dict[str, int]]:
    """Text by the name of the file, and how many cases each program has, by its name.

    ``check.c`` is compiled with ``NAME/tables.h``, and with the model in ``c`` for the whole network, in
    ``NAME`` for a layer alone.

    Args:
        network: The integer network.
        cases: Those of its folder of vectors.

    Raises:
        HwrtsError: As of :func:`hwrts.export.c.c_files`.
    """
    ids = identifiers(network)
    files = {"check.c": filled_file("hwrts.export.c", "templates/check.c.j2", prefix=PREFIX)}
    mine = [case for case in cases if case["layer"] is None]
    files[f"{WHOLE}/tables.h"] = _tables(network, mine, ids)
    programs = {WHOLE: len(mine)}
    for layer in network.layers:
        mine = [case for case in cases if case["layer"] == ids[layer.name]]
        if mine:
            lone = alone(network, layer.name)
            name = ids[layer.name]
            model = c_files(lone)
            needed = {"model.c", "model.h", HEADER_X86} & model.keys()
            files |= {f"{name}/{part}": model[part] for part in sorted(needed)}
            files[f"{name}/tables.h"] = _tables(lone, mine, ids)
            programs[name] = len(mine)
    return files, programs


def _tables(network: Network, cases: Cases, ids: Mapping[str, str]) -> str:
    tensors = []
    for number, (name, tensor) in enumerate(network.tensors.items()):
        stored = Stored(tensor.out)
        tensors.append(
            {
                "number": number,
                "id": ids[name],
                "channels": tensor.channels,
                "bits": tensor.out.bits,
                "signed": tensor.out.signed,
                "outside": stored.outside,
                "kind": stored.kind,
                "code": stored.code("x[i]"),
            }
        )
    inputs = len(network.inputs)
    numbers = {name: number for number, name in enumerate(network.tensors)}
    return filled_file(
        "hwrts.export.c",
        "templates/tables.h.j2",
        prefix=PREFIX,
        tensors=tensors,
        inputs=tensors[:inputs],
        made=tensors[inputs:],
        outputs=[tensors[numbers[name]] for name in network.outputs],
        cases=[
            {
                "id": case["id"],
                "frames": case["frames"],
                "sizes": [case["codes"][each["id"]]["shape"][1:3] for each in tensors],
            }
            for case in cases
        ],
    )
