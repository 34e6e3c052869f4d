"""A network as a circuit in Verilog."""

from hwrts.export.rtl.circuit import Circuit, circuit_of
from hwrts.export.rtl.design import Settings
from hwrts.export.rtl.top import top_text

__all__ = ["Circuit", "Settings", "circuit_of", "top_text"]
