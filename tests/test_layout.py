"""What the folders promise each other: import directions, packages, links, and a light start."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import hwrts

ROOT = Path(__file__).parent.parent
# A to-do is written in capitals and followed by its issue: (#12). Put together so that this line is none.
OPEN = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\s*\(#\d+\))")


def imports(path: Path) -> list[tuple[int, str]]:
    """(level, dotted name) of every import of a file, wherever it stands; level 0 is absolute."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found += [(node.level, f"{base}.{alias.name}".strip(".")) for alias in node.names]
    return found


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("path", files("fixed_point"), ids=lambda path: path.name)
def test_fixed_point_needs_numpy_alone(path):
    depth = len(path.relative_to(ROOT).parts) - 1
    for level, name in imports(path):
        top = name.split(".")[0]
        assert 1 <= level <= depth or (level == 0 and (top == "numpy" or top in sys.stdlib_module_names)), (
            level,
            name,
        )


ALONE = {
    "errors": "base", "extras": "base", "progress": "base", "command_line": "base",
    "settings_file": "config", "settings_page": "config",
}  # fmt: skip
"""Modules that are no room of their own; the last two read, write and describe what config defines."""


def room_of(name: str) -> str:
    """The room of a dotted name below hwrts; ``python -m hwrts`` is the command line."""
    room = name.partition(".")[2].partition(".")[0]
    if room == "__main__":
        return "cli"
    return "base" if not room or room.startswith("__") else ALONE.get(room, room)


def order() -> list[list[str]]:
    """The rooms from left to right, as ARCHITECTURE.md has them."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Rooms")[2]
    line = text.split("\n\n")[1]
    return [[room.strip() for room in floor.split("|")] for floor in line.split(">")]


def test_no_room_imports_from_one_to_its_left():
    """Also what is imported within a function, or for types alone."""
    floors = order()
    floor_of = {room: number for number, floor in enumerate(floors) for room in floor}
    seen, wrong = set(), []
    for path in files("hwrts") + files("export") + files("fixed_point"):
        relative = path.relative_to(ROOT).with_suffix("")
        if (ROOT / "hwrts" / relative.parts[0]).is_symlink():
            relative = Path("hwrts", relative)
        own = room_of(".".join(relative.parts))
        seen.add(own)
        for level, name in imports(path):
            if level or not under(name, "hwrts"):
                continue
            other = room_of(name)
            if other != own and floor_of[other] <= floor_of[own]:
                wrong.append(f"{relative}: {name}")
    assert not wrong
    assert seen == set(floor_of)


@pytest.mark.parametrize("path", files("export"), ids=lambda path: path.name)
def test_export_knows_fixed_point_and_itself(path):
    for level, name in imports(path):
        if level:
            assert level == 1, name
        elif under(name, "hwrts"):
            assert under(name, "hwrts.fixed_point") or under(name, "hwrts.export"), name
        else:
            assert name.split(".")[0] not in {"export", "fixed_point", "brevitas"}, name


def test_export_needs_no_torch():
    assert not [path for path in files("export") if any(under(name, "torch") for _, name in imports(path))]


def test_data_needs_no_torch():
    for path in files("hwrts/data"):
        assert not [name for _, name in imports(path) if under(name, "torch")], path


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


def test_package_list_equals_the_folders():
    listed = _pyproject()["packages"]
    found = {"hwrts.export", "hwrts.fixed_point"}
    for init in ROOT.glob("hwrts/**/__init__.py"):
        relative = init.parent.relative_to(ROOT)
        if not any((ROOT / part).is_symlink() for part in (relative, *relative.parents)):
            found.add(".".join(relative.parts))
    for top in ("export", "fixed_point"):
        found |= {
            ".".join(("hwrts", *p.parent.relative_to(ROOT).parts)) for p in (ROOT / top).rglob("__init__.py")
        }
    assert set(listed) == found
    assert len(listed) == len(set(listed))
    assert _pyproject()["package-dir"] == {
        "hwrts": "hwrts",
        "hwrts.export": "export",
        "hwrts.fixed_point": "fixed_point",
    }


@pytest.mark.parametrize("name", ["export", "fixed_point"])
def test_links_are_there_and_relative(name):
    link = ROOT / "hwrts" / name
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{name}"
    assert (link / "__init__.py").is_file()


@pytest.mark.parametrize(
    "module",
    ["hwrts", "hwrts.fixed_point", "hwrts.errors", "hwrts.data", "hwrts.metrics", "hwrts.metrics.viqet"],
)
def test_importing_it_loads_no_torch(module):
    heavy = "{'torch', 'onnx', 'onnxruntime', 'brevitas', 'matplotlib', 'skimage'}"
    code = f"import sys; import {module}; sys.exit(repr(sorted({heavy} & set(sys.modules)) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr.strip() == "''", done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_what_notebooks_import_is_there(path):
    """A notebook takes minutes to fail, and nobody runs all of them after each rename."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    code = "".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "code")
    nodes = list(ast.walk(ast.parse(code)))
    ours = [node for node in nodes if isinstance(node, ast.ImportFrom) and under(node.module or "", "hwrts")]
    offered = [
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hwrts"
    ]
    assert offered
    assert set(offered) <= set(hwrts.__all__)
    for node in ours:
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            assert hasattr(module, alias.name), f"{node.module}: {alias.name}"


def test_every_todo_has_an_issue():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    seen, found = 0, []
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # no text
        seen += 1
        found += [f"{name}:{i}: {line.strip()}" for i, line in enumerate(lines, 1) if OPEN.search(line)]
    assert seen > 30
    assert found == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("# TO" + "DO: later", True),
        ("# FIX" + "ME", True),
        ("todo list", False),
        ("# TODO (#12): later", False),
        ("# TODO(#3)", False),
    ],
)
def test_todo_pattern(line, caught):
    assert bool(OPEN.search(line)) == caught


def test_files_under_another_licence_have_its_text_beside_them():
    """Of every data file that names one: notice and text in its folder, and in every package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    named = project["project"]["license-files"]
    assert all((ROOT / name).is_file() for name in named)
    shipped = project["tool"]["setuptools"]["package-data"]
    foreign = [
        path for path in (ROOT / "hwrts").rglob("*.json") if "Public License" in path.read_text("utf-8")
    ]
    assert foreign
    for path in foreign:
        folder = path.parent.relative_to(ROOT)
        for name in ("NOTICE.txt", "LICENSE-EPL-1.0.txt"):
            assert (folder / name).as_posix() in named
            assert name in shipped[".".join(folder.parts)]
        assert path.name in (path.parent / "NOTICE.txt").read_text("utf-8")
        words = (path.parent / "LICENSE-EPL-1.0.txt").read_text("utf-8").split()
        assert (words[:3], len(words)) == (["Eclipse", "Public", "License"], 1699)


def refusals(function: ast.FunctionDef) -> bool:
    """Whether a function itself raises an error of the package, by its class or as ``refused``."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = ast.unparse(node.exc.func).rpartition(".")[2]
            if called == "refused" or (called.endswith("Error") and called in ERRORS):
                return True
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
    return False


ERRORS = {
    node.name
    for path in (ROOT / "hwrts/errors.py", ROOT / "fixed_point/errors.py")
    for node in ast.parse(path.read_text("utf-8")).body
    if isinstance(node, ast.ClassDef)
}
ABSTRACT = [
    ROOT / "fixed_point/operators/operator.py",
    ROOT / "fixed_point/operators/requantised.py",
    ROOT / "hwrts/graph/operators/neighbour.py",
    ROOT / "hwrts/graph/operators/operator.py",
]
"""What every operator has is described there."""


def public(path: Path) -> list[tuple[bool, ast.FunctionDef]]:
    """The public functions of a file, and whether each is a method."""
    tree = ast.parse(path.read_text("utf-8"))
    places: list[ast.Module | ast.ClassDef] = [
        tree,
        *(node for node in tree.body if isinstance(node, ast.ClassDef)),
    ]
    functions = [(place is not tree, node) for place in places for node in place.body]
    return [
        (method, node)
        for method, node in functions
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


@pytest.mark.parametrize("folder", ["fixed_point", "export", "hwrts/graph"])
def test_who_raises_says_so(folder):
    """A public function that refuses something has a section Raises, or says whose errors it has."""
    inherited = {
        node.name
        for path in ABSTRACT
        for _, node in public(path)
        if "Raises:" in (ast.get_docstring(node) or "")
    }
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in files(folder)
        for method, node in public(path)
        if not (method and node.name in inherited and "operators" in path.parts)
        and refusals(node)
        and not re.search(r"Raises:|errors as in", ast.get_docstring(node) or "")
    ]
    assert not silent


LANDS = (
    "fixed_point/operators",
    "export/operators",
    "export/c/operators",
    "export/rtl/operators",
    "export/tflite/operators",
    "hwrts/graph/operators",
)
"""Where operators are: a fact about one is said there, and read everywhere else."""
UNIONS = {"fixed_point/operators/__init__.py": "Layer", "hwrts/graph/operators/__init__.py": "Operation"}
ABSTRACTIONS = {"Operator", "OneSource", "Moves", "Requantised"}

ASKED = {
    "fixed_point/network.py": (1, "the layers that compute, for all who read proofs"),
    "hwrts/cost/network.py": (1, "what requantises has accumulators"),
    "hwrts/graph/deploy.py": (2, "the anchor's ending, an exact pattern: convolution, depth-to-space"),
}
"""File: how often it asks of which kind an operator is, and why no fact says it better. This only shrinks."""
SELECTED = 74
"""How often all operators of one kind are taken, as ``of(Kind)``: where they are the subject. This, too."""
OF_ONE_KIND = ("convs", "requantised")
"""Properties of a network that are such a selection."""


def kinds() -> set[str]:
    """Names of all operators, and of the classes above them."""
    named = set(ABSTRACTIONS)
    for name, union in UNIONS.items():
        for node in ast.parse((ROOT / name).read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == union:
                named |= {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
    return named


def named_in(node: ast.expr, known: set[str]) -> bool:
    """Whether an expression is a class of that name, or classes with one among them; torch.nn has its own."""
    if isinstance(node, ast.BinOp):
        return named_in(node.left, known) or named_in(node.right, known)
    if isinstance(node, ast.Tuple):
        return any(named_in(each, known) for each in node.elts)
    last = ast.unparse(node).rpartition(".")
    return last[2] in known and last[0] not in ("nn", "torch.nn")


def asked(text: str, known: set[str]) -> tuple[int, int]:
    """How often a module asks an object whether it is of a kind, by whatever words, and takes all of one."""
    tree = ast.parse(text)
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    for node in assigned:  # a constant that stands for some of them
        if node.value is not None and named_in(node.value, known):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            known = known | {ast.unparse(target)}
    branches = taken = 0
    for each in ast.walk(tree):
        if isinstance(each, ast.MatchClass):
            branches += named_in(each.cls, known)
        elif isinstance(each, ast.Compare):  # type(layer) is Conv
            branches += any(named_in(side, known) for side in each.comparators)
        elif isinstance(each, ast.Call) and each.args:
            function = ast.unparse(each.func)
            branches += function in ("isinstance", "issubclass") and named_in(each.args[1], known)
            taken += function.endswith(".of") and named_in(each.args[0], known)
        taken += isinstance(each, ast.Attribute) and each.attr in OF_ONE_KIND
    return branches, taken


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("isinstance(layer, Conv)", (1, 0)),
        ("isinstance(layer, fixed_point.Add | Clip)", (1, 0)),
        ("isinstance(layer, (Lookup, int))", (1, 0)),
        ("BOTH = Add | Clip\nisinstance(layer, BOTH)", (1, 0)),
        ("match layer:\n    case Conv(): pass\n    case _: pass", (1, 0)),
        ("type(layer) is Conv", (1, 0)),
        ("isinstance(module, nn.Conv2d) or isinstance(module, nn.PReLU)", (0, 0)),
        ("isinstance(layer, Requantised) and network.of(Conv)", (1, 1)),
        ("any(conv.shift for conv in network.convs)", (0, 1)),
        ("isinstance(layer, target.refused)", (0, 0)),
    ],
)
def test_who_asks_is_found(text, found):
    assert asked(text, kinds()) == found


def test_nobody_asks_an_operator_of_which_kind_it_is():
    """It would do nothing, or something else, for the operator that somebody adds next: a fact says it."""
    known, found, taken = kinds(), dict[str, int](), 0
    assert len(known) > 30
    for path in files("fixed_point") + files("export") + files("hwrts"):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith((*LANDS, "hwrts/fixed_point/", "hwrts/export/")):
            branches, of_a_kind = asked(path.read_text("utf-8"), known)
            found |= {name: branches} if branches else {}
            taken += of_a_kind
    assert found == {name: count for name, (count, _) in ASKED.items()}
    assert sum(found.values()) < 15
    assert taken <= SELECTED
