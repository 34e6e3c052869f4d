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

    def wires(self, code: str) -> str:
        """The lower bits of a code that is handed in, as many as the format has: what a circuit has wires of.

        >>> Stored(Format(False, 10, 10)).wires("in0[i]"), Stored(Format(True, 5, 4)).wires("in0[i]")
        ('(in0[i] & 1023)', '(((in0[i] & 31) ^ 16) - 16)')
        >>> Stored(Format(False, 8, 8)).wires("in0[i]")
        'in0[i]'
        """
        bits = self.form.bits
        if bits in (8, 16):
            return code
        half = 1 << (bits - 1)
        lower = f"({code} & {2 * half - 1})"
        return f"(({lower} ^ {half}) - {half})" if self.form.signed else lower

    def beyond(self, code: str) -> str:
        """The condition that a code that is handed in is none of the format; empty where all are.

        >>> Stored(Format(False, 6, 4)).beyond("in1[i]"), Stored(Format(True, 5, 4)).beyond("in1[i]")
        ('in1[i] > 63', 'in1[i] < -16 || in1[i] > 15')
        """
        form = self.form
        if form.bits in (8, 16):
            return ""
        return f"{code} < {form.min} || " * form.signed + f"{code} > {form.max}"
