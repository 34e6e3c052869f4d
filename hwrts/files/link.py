"""One file under several names: folders that share what none of them changes."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from hwrts.files.atomic import temporary_name, writing_to


def share(source: Path, target: Path, files: Iterable[Path]) -> None:
    """Give a folder files of another one; files that it has stay. The index of a store comes last."""
    for path in sorted(files, key=lambda path: path.name == "index.json"):
        link(path, target / path.relative_to(source))


def link(source: Path, target: Path) -> None:
    """The same file under another name, without a copy where the file system can.

    Every writer replaces files whole, so neither name ever changes what the other one reads.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(target)
    with writing_to(target):
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(target)
