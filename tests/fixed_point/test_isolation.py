"""The folder stands alone: NumPy and the standard library, under any name, beside any testbench."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

import hwrts.fixed_point as package
from hwrts.fixed_point import run, save_network

from .build import anchor_network, noise

FOLDER = Path(package.__path__[0])
ROOT = Path(package.__file__).parents[2]

BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in {"numpy", "reference_model"}:
            raise ImportError(f"{name} is blocked in this test")

sys.meta_path.insert(0, Block())
sys.path.insert(0, sys.argv[1])
"""

RUN = (
    BLOCKED
    + """
from pathlib import Path
import numpy as np
import reference_model as fp

try:
    import hwrts
except ImportError:
    pass
else:
    raise SystemExit("the block does not block")
network = fp.load_network(Path(sys.argv[1]))
codes = np.load(sys.argv[1] + "/codes.npy")
results = [fp.run(network, codes, path) for path in ("int64", "fast")]
assert np.array_equal(*results)
np.save(sys.argv[1] + "/result.npy", results[0])
"""
)

LIGHT = """
import sys
import hwrts.fixed_point
loaded = {name.partition(".")[0] for name in sys.modules}
heavy = loaded & {"torch", "onnx", "onnxruntime", "brevitas", "pydantic", "typer", "rich", "PIL", "skimage"}
raise SystemExit(f"imported {sorted(heavy)}" if heavy else 0)
"""


def python(code, *arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr or done.stdout


def test_a_copied_folder_runs_with_numpy_alone(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "reference_model", ignore=shutil.ignore_patterns("__pycache__"))
    network = anchor_network()
    codes = noise(network, 6, 7)
    save_network(network, tmp_path)
    np.save(tmp_path / "codes.npy", codes)
    python(RUN, tmp_path, cwd=tmp_path)
    assert np.array_equal(np.load(tmp_path / "result.npy"), run(network, codes))


def test_importing_it_is_light():
    python(LIGHT, cwd=ROOT)


def test_imports_are_relative_numpy_or_standard():
    for file in FOLDER.rglob("*.py"):
        for line in file.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]) and len(words) > 1:
                top = words[1].partition(".")[0]
                assert top in {"", "numpy"} | sys.stdlib_module_names, f"{file.name}: {line}"


def test_the_public_names_exist_and_are_sorted_out():
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        assert hasattr(package, name)
