"""The command line. Imports torch only inside the commands that compute."""

import atexit
import gc

__all__ = ["main"]

COLLECTED_AT = (10_000, 50, 10)
"""New objects between two searches for unreachable ones (Python: 700, 10, 10).

A command that quantises imports 2,000 modules, all of which stay: to search them again and again while they
are loaded, and once more when the process ends, was a third of its start (2.1 s of CPU, now 1.4). Arrays and
tensors wait for no search, unless they are in a circle: they go with their last name.
"""


def main() -> None:
    """Run the command line: exit 0 passed, 1 the check failed, 2 wrong use, 130 Ctrl-C, 143 SIGTERM."""
    gc.set_threshold(*COLLECTED_AT)
    atexit.register(gc.freeze)  # the system takes all memory back at once
    from hwrts.cli.interrupt import Interruptible

    with Interruptible():  # before anything that takes time to load
        from hwrts.cli.app import run

        code = run()
    raise SystemExit(code)
