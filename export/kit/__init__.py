"""One folder that a chip team checks with a compiler of C and Icarus Verilog alone."""

from hwrts.export.kit.files import Facts, kit_files

__all__ = ["Facts", "kit_files"]
