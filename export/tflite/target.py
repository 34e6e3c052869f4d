"""The closed table of what a TensorFlow Lite file is written for."""

from dataclasses import dataclass

from hwrts.export.clients import CLIENTS, clients_of
from hwrts.export.tflite.writer import Flavour
from hwrts.fixed_point import RoundingRules


@dataclass(frozen=True)
class TfliteTarget:
    """Who takes a file.

    Attributes:
        name: As ``--target`` says it.
        purpose: What takes the file.
        flavour: Which operators are used.
        runtimes: Clients that compute as it does; a network is trained for the rules of the first.
        clients: Those that run the file, to be compared.
        default: The runtime that computes it where its user sets nothing, if networks are trained for that.
        note: What the manifest says of it besides.
    """

    name: str
    purpose: str
    flavour: Flavour
    runtimes: tuple[str, ...]
    clients: tuple[str, ...] = tuple(clients_of("tflite"))
    default: str | None = None
    note: str = ""

    def runtime(self, rules: RoundingRules) -> str:
        """The runtime that rounds as a network of these rules; the first if none does.

        >>> TFLITE_TARGETS["tosa"].runtime(RoundingRules.parse("double,half_away"))
        'tosa-double'
        """
        return next((name for name in self.runtimes if CLIENTS[name].rules == rules), self.runtimes[0])

    def other_default(self, rules: RoundingRules) -> str | None:
        """The runtime of whoever sets nothing, where a network of these rules is computed by another.

        >>> TFLITE_TARGETS["tflite"].other_default(RoundingRules.parse("double,half_away"))
        'litert'
        """
        return self.default if self.runtime(rules) != self.default else None


TFLITE_TARGETS = {
    target.name: target
    for target in (
        TfliteTarget(
            "tflite",
            "LiteRT and TFLite Micro, on processors",
            Flavour.TFLITE,
            ("litert", "litert-reference"),
            default="litert",
        ),
        TfliteTarget("ethos-u", "Arm Ethos-U by Vela", Flavour.ETHOS_U, ("litert-reference",)),
        TfliteTarget(
            "tosa",
            "TOSA by its converter from TensorFlow Lite",
            Flavour.TFLITE,
            ("tosa-single", "tosa-double"),
            ("tosa-single", "tosa-double"),
            note="half_up is SINGLE_ROUND; the converter writes DOUBLE_ROUND, which is double,half_away",
        ),
    )
}
"""By name."""
