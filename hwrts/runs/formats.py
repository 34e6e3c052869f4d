"""What a hand-over holds beside ONNX and integers, for those who build a chip or its firmware."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hwrts.errors import ConfigError
from hwrts.export.c import c_files
from hwrts.export.rtl.kit import rtl_files
from hwrts.export.stimuli import Fed
from hwrts.export.vectors.files import DOCUMENT, vector_files
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


Form = Callable[[Network, AskedCircuit, Mapping[str, Fed]], Kit]
"""What makes one of a network, of what is said of a circuit, and of codes of photographs by name."""


def _c(network: Network, _: AskedCircuit, __: Mapping[str, Fed]) -> Kit:
    files = {f"c/{name}": text.encode() for name, text in c_files(network).items()}
    return Kit(files, {"c/model.c": "firmware and processors: C99, fed row by row (make -C c, docs/c.md)"})


def _rtl(network: Network, asked: AskedCircuit, _: Mapping[str, Fed]) -> Kit:
    files = {
        f"rtl/{name}": text.encode() for name, text in rtl_files(network, asked.settings(network)).items()
    }
    return Kit(
        files,
        {"rtl/README.md": "chips and FPGAs: Verilog that checks itself (make -C rtl check, docs/silicon.md)"},
    )


def _vectors(network: Network, _: AskedCircuit, pictures: Mapping[str, Fed]) -> Kit:
    files = {f"{VECTORS}/{name}": content for name, content in vector_files(network, pictures).items()}
    what = "testbenches of any language: every layer's codes (docs/vectors.md)"
    return Kit(files, {f"{VECTORS}/{DOCUMENT}": what})


VECTORS = "vectors"
"""The form that is made of photographs too, and its folder."""

FORMATS: dict[str, Form] = {"c": _c, "rtl": _rtl, VECTORS: _vectors}
"""By the name that ``hwrts export --format`` knows."""


def kit_of(network: Network, names: Sequence[str], circuit: AskedCircuit, pictures: Mapping[str, Fed]) -> Kit:
    """The files of all forms that are asked for.

    Args:
        network: The integer network.
        names: Of :data:`FORMATS`.
        circuit: How that of "rtl" is folded.
        pictures: Codes of photographs by name, for :data:`VECTORS`.

    Raises:
        ConfigError: There is no form of that name, or no such circuit.
        HwrtsError: A form cannot say the network.
    """
    kit = Kit()
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--format {name}: is not known; use {', '.join(FORMATS)}")
        made = FORMATS[name](network, circuit, pictures)
        kit.files |= made.files
        kit.take |= made.take
    return kit
