"""How codes are stored in C: as bytes around 128 as far as they fit, else as 16 bits."""

from dataclasses import dataclass

from hwrts.fixed_point import Format

ZERO = 128
"""The stored byte of code 0 of a signed format: dot products of bytes want one operand unsigned."""


@dataclass(frozen=True)
class Stored:
    """A format as it stands in the memory of the model.

    Attributes:
        form: The format.
    """

    form: Format

    @property
    def narrow(self) -> bool:
        """Whether a byte holds it."""
        return self.form.bits <= 8

    @property
    def kind(self) -> str:
        """The type of C."""
        if self.narrow:
            return "uint8_t"
        return "int16_t" if self.form.signed else "uint16_t"

    @property
    def outside(self) -> str:
        """The type of codes as they are handed in and out: NumPy's of the format."""
        return ("" if self.form.signed else "u") + ("int8_t" if self.narrow else "int16_t")

    @property
    def zero(self) -> int:
        """What is stored for code 0."""
        return ZERO if self.narrow and self.form.signed else 0

    def code(self, stored: str) -> str:
        """The int32_t code of an expression that is stored.

        >>> Stored(Format(True, 8, 8)).code("x[0]")
        '((int32_t)x[0] - 128)'
        """
        return f"((int32_t){stored} - {self.zero})" if self.zero else f"(int32_t){stored}"

    def keep(self, code: str) -> str:
        """What is stored of a code in the range of the format."""
        return f"({self.kind})({code} + {self.zero})" if self.zero else f"({self.kind})({code})"
