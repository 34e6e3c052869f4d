"""``python -m hwrts`` is the same as ``hwrts``."""

from hwrts.cli import main

main()
