import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import hwrts.fixed_point as package

MODULES = [package.__name__] + [
    m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
WITH_EXAMPLES = {
    "add", "bounds", "clip", "concat", "conv", "convolution", "depth_to_space", "formats",
    "global_average", "interpolation", "lookup", "maximum", "multiply", "prelu", "reorder", "repeat",
    "requantize", "scale", "slice", "spread", "steps", "tensor", "upsample", "window",
}  # fmt: skip
ARITHMETIC = Path(__file__).parents[2] / "docs" / "arithmetic.md"


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert result.failed == 0
    if name.rpartition(".")[2] in WITH_EXAMPLES:
        assert result.attempted > 0


def test_the_examples_in_the_arithmetic_document():
    """But those around a network, which need more than NumPy (tests/data/test_depth.py)."""
    sections = ARITHMETIC.read_text(encoding="utf-8").split("\n## ")
    text = "\n## ".join(section for section in sections if "hwrts.data" not in section)
    examples = doctest.DocTestParser().get_doctest(text, {}, ARITHMETIC.name, str(ARITHMETIC), 0)
    result = doctest.DocTestRunner().run(examples)
    assert result.failed == 0
    assert result.attempted >= 5


def test_every_cited_equation_exists():
    text = ARITHMETIC.read_text(encoding="utf-8")
    cited = {
        n
        for land in ("fixed_point", "export", "hwrts")
        for file in (ARITHMETIC.parents[1] / land).rglob("*.py")
        for n in re.findall(r"eq\. (\d+)", file.read_text(encoding="utf-8"))
    }
    numbered = re.findall(r"^\s+.*\((\d+)\)$", text, re.MULTILINE)
    assert cited
    assert cited <= set(numbered)
    assert sorted(map(int, numbered)) == list(range(1, len(numbered) + 1))  # none left out, none twice


def test_the_modules_are_short():
    for file in Path(package.__path__[0]).rglob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 250, file.name
