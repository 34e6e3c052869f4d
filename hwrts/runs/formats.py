"""What a hand-over holds beside ONNX and integers, for those who build a chip or its firmware."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hwrts.errors import ConfigError
from hwrts.export.c import c_files
from hwrts.export.rtl.kit import rtl_files
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


def _c(network: Network, _: AskedCircuit) -> Kit:
    files = {f"c/{name}": text.encode() for name, text in c_files(network).items()}
    return Kit(files, {"c/model.c": "firmware and processors: C99, fed row by row (make -C c, docs/c.md)"})


def _rtl(network: Network, asked: AskedCircuit) -> Kit:
    files = {
        f"rtl/{name}": text.encode() for name, text in rtl_files(network, asked.settings(network)).items()
    }
    return Kit(
        files,
        {"rtl/README.md": "chips and FPGAs: Verilog that checks itself (make -C rtl check, docs/silicon.md)"},
    )


FORMATS: dict[str, Callable[[Network, AskedCircuit], Kit]] = {"c": _c, "rtl": _rtl}
"""By the name that ``hwrts export --format`` knows."""


def kit_of(network: Network, names: Sequence[str], circuit: AskedCircuit) -> Kit:
    """The files of all forms that are asked for; ``circuit`` says how that of "rtl" is folded.

    Raises:
        ConfigError: There is no form of that name, or no such circuit.
        HwrtsError: A form cannot say the network.
    """
    kit = Kit()
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--format {name}: is not known; use {', '.join(FORMATS)}")
        made = FORMATS[name](network, circuit)
        kit.files |= made.files
        kit.take |= made.take
    return kit
