"""The C99 model of an integer network, generated from its integers, formats and plan of lines alone."""

from hwrts.export.c.model import c_files, check_rows
from hwrts.export.c.witness import CWitness

__all__ = ["CWitness", "c_files", "check_rows"]
