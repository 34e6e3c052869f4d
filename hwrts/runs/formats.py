"""What a hand-over holds beside ONNX and integers, for those who build a chip or its firmware."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hwrts.errors import ConfigError
from hwrts.export.c import c_files
from hwrts.fixed_point import Network


@dataclass
class Kit:
    """Files of one form, or of several.

    Attributes:
        files: Content by name, with folders.
        take: Which of them is for whom.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)


def _c(network: Network) -> Kit:
    files = {f"c/{name}": text.encode() for name, text in c_files(network).items()}
    return Kit(files, {"c/model.c": "firmware and processors: C99, fed row by row (make -C c, docs/c.md)"})


FORMATS: dict[str, Callable[[Network], Kit]] = {"c": _c}
"""By the name that ``hwrts export --format`` knows."""


def kit_of(network: Network, names: Sequence[str]) -> Kit:
    """The files of all forms that are asked for.

    Raises:
        ConfigError: There is no form of that name.
        HwrtsError: A form cannot say the network.
    """
    kit = Kit()
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--format {name}: is not known; use {', '.join(FORMATS)}")
        made = FORMATS[name](network)
        kit.files |= made.files
        kit.take |= made.take
    return kit
