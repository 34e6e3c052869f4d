"""Which rounding rule each operator of a network takes: clients have one for convolutions, one for others."""

from typing import ClassVar, NamedTuple, Protocol

from .errors import HwrtsError
from .requantize import Rounding


class _Operator(Protocol):
    """What is asked of an operator: of one of a network, or of a graph that becomes one."""

    AS_CONVOLUTIONS: ClassVar[bool]


class RoundingRules(NamedTuple):
    """Two rules, which may be one (eq. 5).

    Attributes:
        convolutions: Of weighted sums by constants, which every client computes as convolutions, leaky ReLUs
            among them, and of products of two tensors.
        additions: Of everything else that requantises: sums, concatenations, means.

    >>> RoundingRules.parse("half_even,half_up")
    RoundingRules(convolutions=<Rounding.HALF_EVEN: 'half_even'>, additions=<Rounding.HALF_UP: 'half_up'>)
    >>> str(RoundingRules.parse("double,double"))
    'double'
    """

    convolutions: Rounding
    additions: Rounding

    @classmethod
    def of(cls, rounding: "Rounding | RoundingRules", additions: Rounding | None = None) -> "RoundingRules":
        """One rule alone stands for both."""
        if isinstance(rounding, RoundingRules):
            return rounding
        return cls(rounding, rounding if additions is None else additions)

    @classmethod
    def parse(cls, text: str) -> "RoundingRules":
        """Rules said by one name, or by that of convolutions, a comma, and that of additions.

        Raises:
            HwrtsError: Other names, or more than two.
        """
        known = [rule.value for rule in Rounding]
        names = text.split(",")
        if len(names) > 2 or not set(names) <= set(known):
            raise HwrtsError(
                f"rounding {text!r:.80} is not known; use {', '.join(known)}, or two of them, for "
                "convolutions and for additions, such as half_even,half_up"
            )
        return cls(Rounding(names[0]), Rounding(names[-1]))

    def rule_of(self, operator: _Operator) -> Rounding:
        """The rule that an operator takes."""
        return self.convolutions if operator.AS_CONVOLUTIONS else self.additions

    def __str__(self) -> str:
        """As :meth:`parse` reads it, one name where one is enough."""
        return ",".join(dict.fromkeys(rule.value for rule in self))
