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


class Interruptible:
    """A block that both signals end by KeyboardInterrupt; behind it the process exits, 130 or 143.

    Where a library is loading they end the process at once. In a thread that is not the main one, and where
    the caller of the process ignores Ctrl-C, nothing changes.
    """

    def __init__(self) -> None:
        self._received = 0
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
            raise SystemExit(128 + self._received) from None

    def _handle(self, number: int, frame: "FrameType | None") -> None:
        self._received = number
        if is_loading(frame):
            os._exit(128 + number)
        raise KeyboardInterrupt

    def _unraisable(self, what: "UnraisableHookArgs") -> None:
        if self._received and issubclass(what.exc_type, KeyboardInterrupt):
            os._exit(128 + self._received)
        self._hook(what)


def is_loading(frame: "FrameType | None") -> bool:
    """Whether a module is being imported in this frame or in one that called it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
