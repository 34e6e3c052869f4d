"""Progress and tables: results on stdout, progress on stderr, bars only on a terminal."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from hwrts.errors import NotWrittenError
from hwrts.progress import Advance


class ConsoleProgress:
    """Shows progress on stderr; ``quiet`` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """One line, above any bar."""
        if not self._quiet:
            self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        """A bar on a terminal; elsewhere one line when the work ends."""
        if self._quiet:
            yield lambda done, text: None
            return
        start = time.monotonic()
        last = ""
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[info]}", markup=False),
                TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            )  # fmt: skip
            with Progress(*columns, console=self._console, transient=True) as bars:
                bar = bars.add_task(title, total=total, info="")
                yield lambda done, text: bars.update(bar, completed=done, info=text)
                last = str(bars.tasks[0].fields["info"])
        else:
            texts = [""]

            def advance(done: int, text: str) -> None:
                texts[0] = text

            yield advance
            last = texts[0]
        self.say(f"{title}: {total} in {time.monotonic() - start:.1f} s {last}".rstrip())


def wrote(write: Callable[[], None]) -> bool:
    """Add to a run what a command found. In a read-only one that is said, and the result shown as ever."""
    try:
        write()
    except NotWrittenError as error:
        sys.stderr.write(f"nothing was written: {error}\n")
        return False
    return True


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A table on stdout, numbers to the right; every text as it is, for a file may be called [b]."""
    table = Table(title=Text(title) if title else None, title_justify="left", show_edge=False)
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    # A pipe has no width of its own; 100 columns are what a report or a log is read at.
    Console(highlight=False, width=None if sys.stdout.isatty() else 100).print(table)


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def print_warning(text: str) -> None:
    """One line on stderr that --quiet does not hide: it is about the result, not about the progress."""
    sys.stderr.write(f"warning: {text}\n")


def print_line(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()  # hwrts view stays; who reads its pipe needs the line now
