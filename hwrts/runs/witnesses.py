"""Witnesses that need a compiler or a simulator, so that they must be asked for."""

from collections.abc import Callable, Sequence

from hwrts.errors import ConfigError
from hwrts.export.c import CWitness
from hwrts.export.witness import Witness
from hwrts.fixed_point import Network

MORE: dict[str, Callable[[Network], Witness]] = {"c": CWitness}


def check_witnesses(names: Sequence[str]) -> None:
    """Refuse a name that no such witness has.

    Raises:
        ConfigError: There is none.
    """
    for name in names:
        if name not in MORE:
            raise ConfigError(f"--witness {name}: is none that can be asked for; use {', '.join(MORE)}")
