"""Ctrl-C and SIGTERM: the command ends, without a traceback, with 128 and the signal's number.

A plain KeyboardInterrupt does not do: what loads a library may swallow it, or make an ImportError of it, and
a finaliser prints it and goes on. Nothing is lost by ending there at once: files that exist are complete.

Imports almost nothing: until the signals are taken, Ctrl-C prints a traceback.
"""

import atexit
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_last_words: list[bytes] = []  # of the process, as the signals are; one for each block that is entered


class LastWords:
    """A block whose interruption is followed by a line on stderr: how the work goes on.

    A handler of KeyboardInterrupt would not do: it is never reached from where a library loads, and
    optimisers and exporters load some when they are first used.
    """

    def __init__(self, text: str) -> None:
        from hwrts.cli.streams import visible

        self._line = f"{visible(text)}\n".encode(sys.stderr.encoding, "backslashreplace")

    def __enter__(self) -> None:
        _last_words.append(self._line)

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        _last_words.remove(self._line)
        if kind is KeyboardInterrupt:  # typer would print an empty line for it
            raise SystemExit(128 + signal.SIGINT) from None


class Interruptible:
    """A block that both signals end by KeyboardInterrupt; behind it the process exits, 130 or 143.

    Where a library is loading they end the process at once. In a thread that is not the main one, and where
    the caller of the process ignores Ctrl-C, nothing changes.
    """

    def __init__(self) -> None:
        self._received = 0
        self._words: list[bytes] = []
        self._before = {each: signal.getsignal(each) for each in SIGNALS}
        self._hook = sys.unraisablehook

    def __enter__(self) -> None:
        try:
            for each, handler in self._before.items():
                if handler != signal.SIG_IGN:
                    signal.signal(each, self._handle)
        except ValueError:  # signals are the main thread's
            self._before = {}
        sys.unraisablehook = self._unraisable

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
            if handler != signal.SIG_IGN:  # while the interpreter ends, an exception would be printed
                atexit.register(signal.signal, each, signal.SIG_DFL)
        sys.unraisablehook = self._hook
        if self._received:  # whoever swallowed the exception
            self._say()
            raise SystemExit(128 + self._received) from None

    def _handle(self, number: int, frame: "FrameType | None") -> None:
        self._received, self._words = number, _last_words.copy()
        if is_loading(frame):
            self._end()
        raise KeyboardInterrupt

    def _unraisable(self, what: "UnraisableHookArgs") -> None:
        if self._received and issubclass(what.exc_type, KeyboardInterrupt):
            self._end()
        self._hook(what)

    def _end(self) -> None:
        self._say()
        os._exit(128 + self._received)

    def _say(self) -> None:
        """Past the stream of Python, which may be in the middle of a write."""
        try:
            for line in self._words:
                os.write(2, line)
        except OSError:  # closed, or full: the exit code says it
            pass


def is_loading(frame: "FrameType | None") -> bool:
    """Whether a module is being imported in this frame or in one that called it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
