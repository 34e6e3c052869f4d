"""Progress and tables: results on stdout, progress on stderr, bars only on a terminal."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
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

from hwrts.cli.streams import visible
from hwrts.errors import NotWrittenError
from hwrts.progress import Advance, duration

LONGEST_ERROR = 400
"""Letters of an error that are shown: four lines of a terminal, room for two paths in most messages."""
LONGEST_REFUSAL = 4000
"""Letters of a refused module: every operator that stands in the way has a reason and a remedy."""
LINE_SECONDS = 30.0
"""Between lines of progress where there is no terminal."""
LEAST_LINE_SECONDS = 5.0
_END = 150
_PATH = 16  # cells of a folded path's line at least


class ConsoleProgress:
    """Shows progress on stderr; ``quiet`` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False)

    def say(self, text: str) -> None:
        """One line, above any bar."""
        if not self._quiet:
            self._console.print(visible(text), markup=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Advance]:
        """A bar on a terminal; elsewhere a line now and then, and one when the work ends."""
        if self._quiet:
            yield lambda done, text: None
            return
        start = time.monotonic()
        last = ""
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[info]}", markup=False),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self._console, transient=True) as bars:
                bar = bars.add_task(visible(title), total=total, info="")
                yield lambda done, text: bars.update(bar, completed=done, info=visible(text))
                last = str(bars.tasks[0].fields["info"])
        else:
            lines = _Lines(title, total, self.say)
            yield lines.advance
            last = lines.text
        self.say(f"{title}: {total} in {time.monotonic() - start:.1f} s {last}".rstrip())


class _Lines:
    """What a log is told of a task: every half a minute, or every tenth of it if that is no flood."""

    def __init__(self, title: str, total: int, say: Callable[[str], None]) -> None:
        self._title, self._total, self._say = title, total, say
        self._begun: tuple[int, float] | None = None
        self._said = (0, time.monotonic())
        self.text = ""

    def advance(self, done: int, text: str) -> None:
        self.text, now = text, time.monotonic()
        if self._begun is None:  # a training that is continued does not begin at 0
            self._begun = (done - 1, self._said[1])
        since = now - self._said[1]
        if done < self._total and (
            since > LINE_SECONDS
            or (since > LEAST_LINE_SECONDS and (done - self._said[0]) * 10 >= self._total)
        ):
            self._said = (done, now)
            counted, seconds = done - self._begun[0], now - self._begun[1]
            left = duration(seconds / counted * (self._total - done))
            self._say(f"{self._title}: {done} of {self._total}{text and f', {text.strip()}'}, {left} left")


def wrote(write: Callable[[], None]) -> bool:
    """Add to a run what a command found. In a read-only one that is said, and the result shown as ever."""
    try:
        write()
    except NotWrittenError as error:
        print_note(f"nothing was written: {error}")
        return False
    return True


def print_table(
    title: str, columns: list[str], rows: list[list[str]], spare: Sequence[str] = (), *, paths: bool = False
) -> None:
    """A table on stdout, numbers to the right; every text as it is, for a file may be called [b].

    No word is broken: where the terminal is too narrow, columns are left out, and a line says which.

    Args:
        title: A line above it, or nothing.
        columns: Headers; the first column is always shown.
        rows: A text for each column.
        spare: Columns to leave out first, in this order; then it goes on from the right.
        paths: The first column holds paths, which are folded where they would leave no room for numbers.
    """
    # A pipe has no width of its own; 100 columns are what a report or a log is read at.
    limit = shutil.get_terminal_size((100, 24)).columns
    texts = [[visible(text) for text in column] for column in zip(columns, *rows, strict=True)]
    shown = list(range(len(columns)))
    order = [columns.index(name) for name in spare] + [i for i in reversed(shown) if columns[i] not in spare]
    left_out: list[int] = []
    least = [_widest(_words(column)) for column in texts]
    if paths:
        least[0] = min(least[0], _PATH)
    while len(shown) > 1 and _table_width([least[i] for i in shown]) > limit:
        left_out.append(order[len(left_out)])
        shown.remove(left_out[-1])
    widths = _fit([_widest(texts[i]) for i in shown], [least[i] for i in shown], limit)
    table = Table(show_edge=False)
    for i, width in zip(shown, widths, strict=True):
        table.add_column(Text(texts[i][0]), justify="right" if i else "left", overflow="fold", width=width)
    for row in zip(*(texts[i][1:] for i in shown), strict=True):
        table.add_row(*map(Text, row))
    if title:
        print_line(title)
    Console(highlight=False, width=max(limit, _table_width(widths))).print(table)
    if left_out:
        names = ", ".join(" ".join(columns[i].split()) for i in sorted(left_out))
        print_line(f"columns left out at this width: {names}")


def _fit(widths: list[int], least: list[int], limit: int) -> list[int]:
    """Widths of columns that together fit, if that can be without going below the least ones."""
    widths = list(widths)
    while _table_width(widths) > limit and widths != least:
        slack = [width - low for width, low in zip(widths, least, strict=True)]
        widths[slack.index(max(slack))] -= 1
    return widths


def _words(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.split()]


def _widest(texts: list[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.splitlines()), default=0)


def _table_width(widths: list[int]) -> int:
    """A blank on each side of a column, and a line between two."""
    return sum(widths) + 3 * len(widths) - 1


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def print_warning(text: str) -> None:
    """One line on stderr that --quiet does not hide: it is about the result, not about the progress."""
    print_note(f"warning: {text}")


def print_error(text: str, longest: int = LONGEST_ERROR) -> None:
    """One line on stderr that can be read at a glance, whatever the text holds.

    Args:
        text: What is wrong, and what to do.
        longest: Letters of it that are shown.
    """
    line = " ".join(text.splitlines())
    if len(line) > longest:  # such as a list of layers; the remedy is at the end
        line = f"{line[: longest - _END]} ... {line[-_END:]}"
    print_note(f"error: {line}")


def print_note(text: str) -> None:
    """One line on stderr, not silenced by --quiet."""
    sys.stderr.write(visible(text) + "\n")


def print_line(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(visible(text) + "\n")
    sys.stdout.flush()  # hwrts view stays; who reads its pipe needs the line now
