"""The command line. Imports torch only inside the commands that compute."""

__all__ = ["main"]


def main() -> None:
    """Run the command line: exit 0 passed, 1 the check failed, 2 wrong use, 130 Ctrl-C, 143 SIGTERM."""
    from hwrts.cli.interrupt import Interruptible

    with Interruptible():  # before anything that takes time to load
        from hwrts.cli.app import run

        code = run()
    raise SystemExit(code)
