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
        note: What the manifest says of it besides.
    """

    name: str
    purpose: str
    flavour: Flavour
    runtimes: tuple[str, ...]
    clients: tuple[str, ...] = tuple(clients_of("tflite"))
    note: str = ""

    def runtime(self, rules: RoundingRules) -> str:
        """The runtime that rounds as a network of these rules; the first if none does.

        >>> TFLITE_TARGETS["tosa"].runtime(RoundingRules.parse("double,half_away"))
        'tosa-double'
        """
        return next((name for name in self.runtimes if CLIENTS[name].rules == rules), self.runtimes[0])


TFLITE_TARGETS = {
    target.name: target
    for target in (
        TfliteTarget(
            "tflite",
            "LiteRT and TFLite Micro, on processors",
            Flavour.TFLITE,
            ("litert", "litert-reference"),
        ),
        TfliteTarget("ethos-u", "Arm Ethos-U by Vela", Flavour.ETHOS_U, ("litert-reference",)),
        TfliteTarget(
            "tosa",
            "TOSA by its converter from TensorFlow Lite",
            Flavour.TFLITE,
            ("tosa-single", "tosa-double"),
            ("tosa-single", "tosa-double"),
            "half_up is SINGLE_ROUND; the converter writes DOUBLE_ROUND, which is double,half_away",
        ),
    )
}
"""By name."""
