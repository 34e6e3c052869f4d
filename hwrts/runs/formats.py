"""What a hand-over holds beside ONNX and integers, for those who build a chip or its firmware."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hwrts.errors import ConfigError
from hwrts.export.c import c_files
from hwrts.export.rtl.kit import rtl_files
from hwrts.export.stimuli import Fed
from hwrts.export.vectors.files import DOCUMENT, MANIFEST, vector_files
from hwrts.fixed_point import Network
from hwrts.runs.circuit import AskedCircuit


@dataclass
class Kit:
    """Files of one form, or of several.

    Attributes:
        files: Content by name, with folders.
        take: Which of them is for whom.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """What forms are made of.

    Attributes:
        network: The integer network.
        circuit: How that of "rtl" is folded.
        pictures: Codes of photographs by name.
    """

    network: Network
    circuit: AskedCircuit
    pictures: Mapping[str, Fed]

    @cached_property
    def vectors(self) -> dict[str, bytes]:
        """The folder of vectors: made once, whoever reads it."""
        return vector_files(self.network, self.pictures)


def _c(made: Made) -> Kit:
    files = {f"c/{name}": text.encode() for name, text in c_files(made.network).items()}
    return Kit(files, {"c/model.c": "firmware and processors: C99, fed row by row (make -C c, docs/c.md)"})


def _rtl(made: Made) -> Kit:
    """With the vectors, which its testbench reads."""
    settings = made.circuit.settings(made.network)
    cases = json.loads(made.vectors[MANIFEST])["cases"]
    files = {f"rtl/{name}": text.encode() for name, text in rtl_files(made.network, settings, cases).items()}
    kit = _vectors(made)
    what = "chips and FPGAs: Verilog that checks itself (make -C rtl check, docs/silicon.md)"
    return Kit(kit.files | files, kit.take | {"rtl/README.md": what})


def _vectors(made: Made) -> Kit:
    files = {f"{VECTORS}/{name}": content for name, content in made.vectors.items()}
    what = "testbenches of any language: every layer's codes (docs/vectors.md)"
    return Kit(files, {f"{VECTORS}/{DOCUMENT}": what})


RTL, VECTORS = "rtl", "vectors"
"""Forms that are made of photographs too, and their folders."""

FORMATS: dict[str, Callable[[Made], Kit]] = {"c": _c, RTL: _rtl, VECTORS: _vectors}
"""By the name that ``hwrts export --format`` knows."""


def needs_pictures(names: Sequence[str]) -> bool:
    """Whether forms are made of photographs too."""
    return RTL in names or VECTORS in names


def kit_of(network: Network, names: Sequence[str], circuit: AskedCircuit, pictures: Mapping[str, Fed]) -> Kit:
    """The files of all forms that are asked for.

    Args:
        network: The integer network.
        names: Of :data:`FORMATS`.
        circuit: How that of "rtl" is folded.
        pictures: Codes of photographs by name, where :func:`needs_pictures` says so.

    Raises:
        ConfigError: There is no form of that name, or no such circuit.
        HwrtsError: A form cannot say the network.
    """
    kit, made = Kit(), Made(network, circuit, pictures)
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--format {name}: is not known; use {', '.join(FORMATS)}")
        found = FORMATS[name](made)
        kit.files |= found.files
        kit.take |= found.take
    return kit
