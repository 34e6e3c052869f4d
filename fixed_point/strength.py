"""Strength and limits of a finished network's correction: operators put in front of its last addition.

A network in anchor form gives its picture and a small correction d: y = saturate(x + d). What a display
calls sharpness is a factor on d; what keeps it from noise and halos are two limits. All are codes of the
network itself, so that any network made earlier has them without training (docs/arithmetic.md, section 14).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .codes import Input
from .errors import HwrtsError
from .formats import Format
from .network import Network
from .operators import Add, Layer, Lookup, MaxPool, Multiply, Repeat, Scale
from .operators.checks import check_whole

STRENGTH = Format(signed=False, bits=6, frac=4)
"""Of a strength: sixteenths. The register has 6 bits, so what is proved holds up to 63/16."""

STRONGEST = 32
"""The strongest that a user may ask for, 2 in sixteenths: beyond, text has double edges."""

PLAIN = 16
"""The strength of the network as it was trained, 1 in sixteenths."""

_WIDEST = 12
"""Bits of pixels whose overshoot is limited: its tables have an entry for each code."""

REGISTER = "strength"
"""Name of the input that holds it."""


@dataclass(frozen=True)
class Adjusted:
    """What is done to a correction; None leaves a part out.

    Attributes:
        strength: Sixteenths by which it is multiplied, 0..32 (eq. 45).
        register: Whether the network reads the strength from an input of one pixel, :data:`REGISTER`.
        coring: Corrections of at most so many of its codes are dropped, before they are multiplied (eq. 46).
        overshoot: The result leaves the range of the 3x3 pixels around by at most so many codes, of 8 bits
            where it has more (eq. 47).
    """

    strength: int | None = None
    register: bool = False
    coring: int | None = None
    overshoot: int | None = None


def adjusted(network: Network, how: Adjusted) -> Network:
    """The network with its correction adjusted; nothing else of it changes, nor do its other proofs.

    Args:
        network: One whose output is the sum of its picture, or that enlarged, and a correction.
        how: What is done.

    Raises:
        HwrtsError: Its output is something else, a number is out of range, or an overshoot is asked for of
            pixels of more than 12 bits or of an output that is no whole times as large.
    """
    if how.register and how.strength is not None:
        raise HwrtsError("network: its strength is a number or an input; name one of the two")
    tail = _Tail(network)
    if how.coring is not None:
        tail.core(how.coring)
    if how.strength is not None:
        tail.multiply(how.strength)
    elif how.register:
        tail.multiply(None)
    else:
        tail.add()
    if how.overshoot is not None:
        tail.limit(how.overshoot)
    return tail.network()


def has_register(network: Network) -> bool:
    """Whether its strength is an input: one of one pixel and one channel, of that name and format."""
    return Input(REGISTER, 1, STRENGTH, whole=True) in network.inputs[1:]


class _Tail:
    """What stands in the place of the last addition while it is put together.

    Args:
        network: As in :func:`adjusted`.
    """

    def __init__(self, network: Network) -> None:
        self._old = network
        self._picture, self._correction = _parts(network)
        self._out = network.formats[network.output]
        self._times = network.scales[network.output]
        self._apart = Format(False, self._out.bits, self._out.frac)
        """Of what is added or subtracted: saturating at 0 keeps one sign, and at the end it is never seen."""
        self._inputs, self._layers = network.inputs, list(network.layers[:-1])
        self._names = set(network.tensors) - {network.output}

    def core(self, codes: int) -> None:
        """Small corrections become 0 (eq. 46)."""
        form = self._old.formats[self._correction]
        check_whole("network", "coring", codes, 0, form.max)
        self._correction = self._look_up(
            "cored", self._correction, form, form, lambda d: 0 if abs(d) <= codes else d
        )

    def add(self) -> None:
        """The sum as it was."""
        self._add("sum", self._picture, self._correction)

    def multiply(self, strength: int | None) -> None:
        """What makes a picture lighter is added, then what makes it darker is subtracted (eq. 45).

        Raises:
            HwrtsError: Out of range, or the name of the register is taken.
        """
        d, out = self._correction, self._apart
        lighter, darker = self._name("lighter"), self._name("darker")
        if strength is None:
            if REGISTER in self._names:
                raise HwrtsError(f"network: has a tensor named {REGISTER!r} already; rename it")
            self._inputs += (Input(REGISTER, 1, STRENGTH, whole=True),)
            form = Format(True, STRENGTH.bits + 1, STRENGTH.frac)
            turned = self._look_up("strength_turned", REGISTER, STRENGTH, form, lambda code: -code)
            self._layers += [Multiply(lighter, (d, REGISTER), out), Multiply(darker, (d, turned), out)]
        else:
            check_whole("network", "strength in sixteenths", strength, 0, STRONGEST)
            self._layers += [
                Scale(lighter, d, strength, STRENGTH.frac, out),
                Scale(darker, d, -strength, STRENGTH.frac, out),
            ]
        self._subtract("sum", self._add("lightened", self._picture, lighter), darker)

    def limit(self, codes: int) -> None:
        """What leaves the range of the input's 3x3 pixels by more than that comes back (eq. 47).

        Raises:
            HwrtsError: Out of range, pixels of more than 12 bits, or an output no whole times as large.
        """
        out, source, free = self._out, self._old.inputs[0].name, self._layers[-1].name
        if out.bits > _WIDEST:
            raise HwrtsError(
                f"network: its pixels have {out.bits} bits, and the limits of an overshoot are tables of at "
                f"most {_WIDEST}; leave the overshoot out"
            )
        if self._times < 1 or self._times != int(self._times):
            raise HwrtsError(
                f"network: its output is {self._times} times as large as its picture, and the limits of an "
                "overshoot are of pictures as large or whole times larger; leave the overshoot out"
            )
        finer = max(0, out.bits - 8)
        check_whole("network", "overshoot", codes, 0, (out.max - out.min) >> finer)
        codes <<= finer
        ends = out.min + out.max  # less a code it is that code turned around: the least becomes the largest
        turned = self._look_up("turned", source, out, out, lambda x: ends - x)
        most = self._around("most", source, lambda x: min(x + codes, out.max))
        least = self._around("least", turned, lambda x: max(ends - x - codes, out.min))
        over = self._subtract("over", free, most, self._apart)
        below = self._subtract("at_most", free, over)
        under = self._subtract("under", least, below, self._apart)
        self._add("limited", below, under)

    def network(self) -> Network:
        """The network with that tail; its last layer has the name of the one that it stands for."""
        layers = (*self._layers[:-1], replace(self._layers[-1], name=self._old.output))
        return replace(self._old, inputs=self._inputs, layers=layers, like=self._old)

    def _around(self, what: str, source: str, limit: Callable[[int], int]) -> str:
        """A limit of the largest of 3x3 pixels, as large as the result."""
        largest, out = self._name(f"{what}_around"), self._out
        self._layers.append(MaxPool(largest, source, (3, 3), 1, (1, 1, 1, 1)))
        made = self._look_up(what, largest, out, out, limit)
        if self._times == 1:
            return made
        enlarged = self._name(f"{what}_enlarged")
        self._layers.append(Repeat(enlarged, made, int(self._times)))
        return enlarged

    def _look_up(self, what: str, source: str, form: Format, out: Format, of: Callable[[int], int]) -> str:
        """A table of all codes of a format."""
        table = np.array([of(code) for code in range(form.min, form.max + 1)], np.int16)
        return self._put(Lookup(self._name(what), source, table, out))

    def _add(self, what: str, a: str, b: str) -> str:
        return self._put(Add(self._name(what), (a, b), self._out))

    def _subtract(self, what: str, a: str, b: str, out: Format | None = None) -> str:
        return self._put(Add(self._name(what), (a, b), out or self._out, negated=True))

    def _put(self, layer: Layer) -> str:
        self._layers.append(layer)
        return layer.name

    def _name(self, what: str) -> str:
        """A name that no tensor has."""
        while what in self._names:
            what += "_"
        self._names.add(what)
        return what


def _parts(network: Network) -> tuple[str, str]:
    """Names of the picture and of the correction that a network adds last.

    Raises:
        HwrtsError: It ends in something else.
    """
    last, x, made = network.layers[-1], network.inputs[0], network.tensors[network.output]
    if len(last.sources) != 2 or network.outputs != (last.name,) or len(network.inputs) > 1:
        raise _no_correction("it does not end in the sum of a picture and a correction")
    a, b = last.sources
    plain_sum = Add(last.name, (a, b), made.out)
    if last != plain_sum:
        raise _no_correction("it does not end in the sum of a picture and a correction")
    alone = {each.name for each in network.layers if each.sources == (x.name,)}
    larger = {name for name in alone if network.scales[name] != 1 and network.channels[name] == x.channels}
    picture = {x.name, *larger}  # whatever enlarges it
    if (a in picture) == (b in picture):
        raise _no_correction("its last sum is not of its picture, as it is or enlarged, and a correction")
    found, correction = (a, b) if a in picture else (b, a)
    form = network.formats[correction]
    if not (x.out == network.formats[found] == made.out) or not form.signed or form.frac > made.out.frac:
        raise _no_correction(
            f"its picture is {x.out}, its correction {form} and its output {made.out}; one grid is needed"
        )
    return found, correction


def _no_correction(why: str) -> HwrtsError:
    return HwrtsError(
        f"network: has no correction that could be weighed, {why}; take a network in anchor form, "
        "such as those that hwrts run makes"
    )
