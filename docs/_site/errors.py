"""The table of everything that hwrts refuses: message, cause, remedy, and the test that produces it.

A message is "what: what is wrong; what to do", so its table is made of the program, and says of each place a
test that was seen to end there: ``HWRTS_ERRORS=build/errors pytest ...`` notes which (tests/conftest.py), and
``python -m docs._site.errors build/errors`` keeps what was noted.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = Path(__file__).with_name("errors.json")
"""The test of each message, by its key."""
HELPERS = ("refused", "_refused")
"""Functions that make an error of where and why."""
_WORD = re.compile(r"[a-z]{2}")
ROOMS = {"fixed_point": "Integers", "export": "Files for others", "hwrts": "Everything else"}


@dataclass(frozen=True)
class Refusal:
    """A place that makes an error of the package.

    Attributes:
        file: Relative to the source tree.
        function: Where in it.
        lines: First and last.
        kind: The class.
        message: With ... for what is only known then.
    """

    file: str
    function: str
    lines: tuple[int, int]
    kind: str
    message: str

    @property
    def key(self) -> str:
        """What stays the same while the file around it changes."""
        return f"{self.file}: {self.function}: {self.message}"

    @property
    def cause(self) -> str:
        """What is wrong."""
        return self.message.rpartition("; ")[0] or self.message

    @property
    def remedy(self) -> str:
        """What to do; empty where the cause says it."""
        return self.message.rpartition("; ")[2] if "; " in self.message else ""


def classes() -> set[str]:
    """The names of the error classes."""
    files = (ROOT / "hwrts/errors.py", ROOT / "fixed_point/errors.py")
    trees = [ast.parse(path.read_text("utf-8")) for path in files]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def refusals() -> list[Refusal]:
    """Every place, in the order of files and lines; not those that hand on the words of another."""
    known, found = classes(), []
    for top in ("export", "fixed_point", "hwrts"):
        for path in sorted((ROOT / top).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if any((ROOT / part).is_symlink() for part in relative.parents):
                continue
            for function, node in _calls(ast.parse(path.read_text("utf-8"))):
                name = ast.unparse(node.func).rpartition(".")[2]
                if name not in known and name not in HELPERS:
                    continue
                if node.args and _WORD.search(said := _said(node, name)):
                    lines = (node.lineno, node.end_lineno or node.lineno)
                    kind = "UnsupportedOperatorError" if name in HELPERS else name
                    found.append(Refusal(relative.as_posix(), function, lines, kind, said))
    return found


def _calls(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.Call]]:
    for node in ast.iter_child_nodes(tree):
        inner = function
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = f"{function}.{node.name}".strip(".")
        if isinstance(node, ast.Call):
            yield function, node
        yield from _calls(node, inner)


def _said(node: ast.Call, name: str) -> str:
    if name not in HELPERS:
        return _text(node.args[0])
    texts = [_text(each) for each in node.args if isinstance(each, ast.Constant | ast.JoinedStr | ast.BinOp)]
    return "...: " + "; ".join(texts) if texts else "..."


def _text(node: ast.expr) -> str:
    """A text with ... for its variable parts."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "..."


def produced() -> dict[str, str]:
    """The test of each message that one was seen to produce, by key."""
    found: dict[str, str] = json.loads(TESTS.read_text("utf-8")) if TESTS.is_file() else {}
    return found


def errors_page() -> str:
    """Markdown: a table for each part of the package."""
    tests = produced()
    sections = [
        "# Errors\n\nA wrong use ends with one line and exit code 2, in Python with `hwrts.HwrtsError`: "
        "what, what is wrong, and what to do. `...` stands for names and numbers of the case at hand. The "
        "last column names a test that produces it.\n"
    ]
    found = refusals()
    for top, title in ROOMS.items():
        rows = [each for each in found if each.file.startswith(f"{top}/")]
        sections.append(f"## {title}\n\n| cause | remedy | kind | test |\n|---|---|---|---|")
        sections += [
            f"| {_cell(each.cause)} | {_cell(each.remedy)} | {each.kind} | {_path(tests.get(each.key, ''))} |"
            for each in rows
        ]
        sections.append("")
    return "\n".join(sections)


def _cell(text: str) -> str:
    kept = re.sub(r"\.{4,}", "...", " ".join(text.split()))  # of a range as well
    for letter in "\\|[]<*_`":
        kept = kept.replace(letter, {"<": "&lt;"}.get(letter, f"\\{letter}"))
    return kept


def _path(test: str) -> str:
    """With places where a narrow column may break it."""
    return _cell(test).replace("/", "/<wbr>").replace("\\_", "\\_<wbr>").replace("::", "<wbr>::")


def keep(folder: Path) -> int:
    """Add what test runs noted to the file; tests of messages that are no more are dropped."""
    found = refusals()
    places: dict[tuple[str, int], str] = {
        (each.file, line): each.key for each in found for line in range(each.lines[0], each.lines[1] + 1)
    }
    tests = {key: test for key, test in produced().items() if key in {each.key for each in found}}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            file, number, test = json.loads(line)
            key = places.get((file, number))
            if key is not None:
                tests[key] = min(tests.get(key, test), test, key=lambda name: (len(name), name))
    TESTS.write_text(json.dumps(dict(sorted(tests.items())), indent=0, ensure_ascii=False) + "\n", "utf-8")
    return len({each.key for each in found} - set(tests))


if __name__ == "__main__":
    sys.stdout.write(f"{keep(Path(sys.argv[1]))} messages without a test\n")
