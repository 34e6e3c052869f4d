"""The command line. Imports torch only inside the commands that compute."""

from hwrts.cli.app import main

__all__ = ["main"]
