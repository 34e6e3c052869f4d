"""What a simulator saw: the signals of a VCD file, as they are before each rising edge of the clock."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwrts.fixed_point import HwrtsError

# Letters of the shape comments: N rising edges of the clock.

_CHANGE = re.compile(r"^(?:#(\d+)|b([01xz]+) (\S+)|([01xz])(\S+))$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Waveform:
    """Signals by their full names, such as "tb.dut.s_valid".

    Attributes:
        edges: Times (N,) at which the clock rises.
        changes: Of each signal the times and values of its changes; None where a bit is x or z.
    """

    edges: NDArray[np.int64]
    changes: dict[str, tuple[NDArray[np.int64], list[int | None]]]

    def samples(self, name: str) -> list[int | None]:
        """Values (N,) of a signal as registers take them: just before each edge; None where it is not known.

        Raises:
            HwrtsError: No signal has that name.
        """
        if name not in self.changes:
            ending = name.rpartition(".")[2]
            like = [each for each in self.changes if each.endswith(f".{ending}")]
            known = ", ".join(like[:3] or list(self.changes)[:3])
            count = len(self.changes)
            raise HwrtsError(f"waveform: no signal {name!r:.60}; there are {count}, such as {known}")
        times, values = self.changes[name]
        places = np.searchsorted(times, self.edges, side="left") - 1
        return [None if place < 0 else values[place] for place in places.tolist()]


def read_waveform(text: str, clock: str) -> Waveform:
    r"""Read a VCD file (IEEE 1364, 18), of which whole numbers of bits are kept.

    Args:
        text: Of the file.
        clock: Full name of the clock.

    Raises:
        HwrtsError: It is no such file, or has no such clock.

    >>> head = "$scope module tb $end $var wire 1 ! clk $end $var reg 4 % n [3:0] $end $upscope $end"
    >>> text = head + " $enddefinitions $end\n#0\n0!\nb0 %\n#1\n1!\nb11 %\n#2\n0!\n#3\n1!\n"
    >>> read_waveform(text, "tb.clk").samples("tb.n")
    [0, 3]
    """
    head, found, body = text.partition("$enddefinitions")
    if not found:
        raise HwrtsError("waveform: this is no VCD file; write one with $dumpfile and $dumpvars")
    names = _names(head)
    times: dict[str, list[int]] = {code: [] for code in names}
    values: dict[str, list[int | None]] = {code: [] for code in names}
    now = 0
    for time, bits, vector, bit, scalar in _CHANGE.findall(body):
        if time:
            now = int(time)
        elif (code := vector or scalar) in times:
            said = bits or bit
            times[code].append(now)
            values[code].append(int(said, 2) if said.strip("01") == "" else None)
    changes = {
        name: (np.array(times[code], np.int64), values[code])
        for code, all_of_it in names.items()
        for name in all_of_it
    }
    if clock not in changes:
        raise HwrtsError(f"waveform: has no clock {clock!r:.60}; dump the scope that it is in")
    at, levels = changes[clock]
    edges = [
        time
        for time, level, before in zip(at.tolist(), levels, [None, *levels], strict=False)
        if level == 1 and before == 0
    ]
    return Waveform(np.array(edges, np.int64), changes)


def _names(head: str) -> dict[str, list[str]]:
    """The full names of each code of the file: a signal that goes through a port has several."""
    found: dict[str, list[str]] = {}
    scopes: list[str] = []
    words = head.split()
    for place, word in enumerate(words):
        if word == "$scope":
            scopes.append(words[place + 2])
        elif word == "$upscope":
            scopes.pop()
        elif word == "$var":
            code, name = words[place + 3], words[place + 4]
            found.setdefault(code, []).append(".".join([*scopes, name]))
    return found
