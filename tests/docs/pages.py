"""What README and the pages of docs/ tell a reader to type: commands, programs and files, in their order."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^(?:    |\$ )?(hwrts [^#\n]+)", re.MULTILINE)
_OTHERS = (
    "make",
    "python",
    "dask",
    "docker",
    "pip",
    "git",
    "cc",
    "gcc",
    "iverilog",
    "ffmpeg",
    "curl",
    "sh",
    "./",
    "HWRTS_",
)
_OTHER = re.compile(rf"^(?: {{4,}}|\$ )((?:{'|'.join(map(re.escape, _OTHERS))})[^#\n]*)", re.MULTILINE)
_INLINE = re.compile(r"`(hwrts [^`]+)`")


@dataclass(frozen=True)
class Piece:
    """Something that a page shows.

    Attributes:
        kind: "command" of a line of its own; "mention", within a sentence; "shell", a line of something else
            than hwrts; "python", "session" (with >>>), or "file".
        text: The command, the program, or what the file holds.
        name: Of the file.
    """

    kind: str
    text: str
    name: str = ""


def pieces(page: Path) -> list[Piece]:
    """What a page shows, in its order."""
    text, found, end = page.read_text("utf-8"), [], 0
    for fence in _FENCE.finditer(text):
        found += _between(text[end : fence.start()])
        end = fence.end()
        language, name, content = fence.groups()
        if name:
            found.append(Piece("file", content, name))
        elif language == "python":
            found.append(Piece("session" if ">>>" in content else "python", content))
        else:
            found += [Piece("command", line.strip()) for line in _LINE.findall(content)]
    return found + _between(text[end:])


def _between(text: str) -> list[Piece]:
    places = [(each.start(), Piece("mention", each[1])) for each in _INLINE.finditer(text)]
    for each in re.finditer(r"^ {4,}(hwrts [^#\n]+)", text, re.MULTILINE):
        places.append((each.start(), Piece("command", each[1].strip())))
    places += [(each.start(), Piece("shell", each[1].strip())) for each in _OTHER.finditer(text)]
    return [piece for _, piece in sorted(places, key=lambda place: place[0])]


def words(command: str) -> list[str]:
    """The words behind hwrts, without the dots and brackets of a sentence; a letter is some number."""
    parts = shlex.split(command.replace("[", "").replace("]", ""))[1:]
    return ["2" if re.fullmatch("[A-Z]", part) else part for part in parts if part != "..."]
