"""How a command is written for a user to paste."""

import shlex


def command_line(*words: object) -> str:
    """``hwrts`` with these words, quoted for a POSIX shell where they need it.

    >>> command_line("run", "--resume", "runs/my first")
    "hwrts run --resume 'runs/my first'"
    """
    return shlex.join(["hwrts", *map(str, words)])
