"""Pictures that a command is given, and how it ends where some of them failed."""

import os
from pathlib import Path

import typer

from hwrts.cli.console import print_error, print_note
from hwrts.errors import DataError


def end_with(errors: list[DataError], *, others_done: bool) -> None:
    """Name the pictures that failed, if any, and exit: 1 where others have results, 2 where none has."""
    for error in errors[: None if others_done else -1]:
        print_error(str(error))
    if errors and others_done:
        raise typer.Exit(1)
    if errors:
        raise errors[-1]


def picture_files(pictures: list[Path]) -> list[Path]:
    """The files that arguments name: each file itself, and of a folder its pictures by name.

    Of a name at which nothing is, that is said before any work; what is no picture, when it is read. How many
    files of a folder have no picture's name is said on stderr.
    """
    from hwrts.data import list_images

    files: list[Path] = []
    for picture in pictures:
        if not os.path.lexists(picture):
            raise DataError(f"{picture}: no such picture; give files or folders of pictures")
        if not picture.is_dir():
            files.append(picture)
            continue
        found = list_images(picture)
        files += found
        others = sum(not each.name.startswith(".") and not each.is_dir() for each in picture.iterdir())
        if skipped := others - len(found):
            what = "1 file that is no picture" if skipped == 1 else f"{skipped} files that are no pictures"
            print_note(f"{picture}: {what} by name, skipped")
    return files
