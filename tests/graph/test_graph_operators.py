"""The land of operators in torch: nothing in it can be forgotten, and no rewrite drops a field."""

import importlib
import pkgutil
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

import hwrts.export.operators
import hwrts.fixed_point.operators
import hwrts.graph.operators
from hwrts.fixed_point import PIXEL
from hwrts.graph import Add, BatchNorm, Conv, DepthToSpace, Graph, Input, Relu, Scale, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.fold import fold_affines
from hwrts.graph.instead import instead_of
from hwrts.graph.operators import OPERATORS, PARTS, Fused, Operator
from hwrts.graph.operators.composed import Composed
from hwrts.graph.trace import trace

HELPERS = {
    *("call", "composed", "conv_facts", "conv_part", "conv_shape", "functions", "input"),
    *("lookup_table", "neighbour"),
    *("operator", "spread", "tensor", "checks", "requantised"),
}


def test_every_operator_that_has_a_file_is_in_the_union():
    files = {module.name for module in pkgutil.iter_modules(hwrts.graph.operators.__path__)} - HELPERS
    found = set()
    for name in files:
        module = importlib.import_module(f"hwrts.graph.operators.{name}")
        own = [
            each
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Operator) and each.__module__ == module.__name__
        ]
        assert [each.__name__.lower() for each in own] == [name.replace("_", "")]
        found.update(own)
    assert found == set(OPERATORS.values())


def test_the_three_lands_have_the_same_operators():
    """The name of a file is the index; what is fused has no integers."""
    lowered = [kind for kind in OPERATORS.values() if not issubclass(kind, Fused)]
    rewritten = {kind.__module__.rpartition(".")[2] for kind in OPERATORS.values() if kind not in lowered}
    text = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text("utf-8")
    (listed,) = re.findall(r"Rewrites\s+into others \(([^)]+)\)", text)
    assert listed.split(", ") == sorted(rewritten)
    assert {kind.__name__ for kind in lowered} == set(hwrts.fixed_point.OPERATORS)
    names = {kind.__module__.rpartition(".")[2] for kind in lowered}
    for land in (hwrts.fixed_point.operators, hwrts.export.operators):
        assert {module.name for module in pkgutil.iter_modules(land.__path__)} - HELPERS == names


def test_the_starts_of_keys_in_files_stay():
    assert PARTS == ("convs", "slopes", "tables", "limits", "means")


@pytest.mark.parametrize("kind", OPERATORS.values(), ids=OPERATORS)
def test_whoever_has_parts_makes_them(kind):
    assert (kind.PARTS is not None) == (kind.part is not Operator.part)
    assert (kind.PARTS is not None) == (kind.fine_tuned is not Operator.fine_tuned)
    if issubclass(kind, Fused) and not issubclass(kind, Composed):
        assert kind.joined is not Operator.joined


def test_graph_and_cost_load_no_brevitas():
    code = (
        "import sys, hwrts.graph.trace, hwrts.graph.deploy, hwrts.graph.note, hwrts.cost.network;"
        "sys.exit('brevitas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@dataclass(frozen=True, eq=False)
class Later(Conv):
    """A convolution with a field that no rewrite knows of."""

    later: int = 0


@dataclass(frozen=True)
class LaterShuffle(DepthToSpace):
    later: int = 0


def test_no_rewrite_drops_a_later_field():
    weight, bias = torch.rand(3, 3, 3, 3), torch.rand(3)
    graph = Graph(
        (
            Input("x", 3),
            Later("a", ("x",), weight, bias, later=1),
            BatchNorm("n", ("a",), torch.ones(3).double(), torch.ones(3).double()),
            Relu("p", ("n",)),
            Later("r", ("p",), weight, bias, later=2),
            Scale("s", ("r",), 0.5),
            Add("y", ("x", "s")),
            Later("ext", ("y",), torch.rand(12, 3, 3, 3), torch.rand(12), later=3),
            LaterShuffle("z", ("ext",), 2, later=4),
        )
    )
    form = deploy_form(fold_affines(graph))
    found = {node.name: node.later for node in form.nodes if hasattr(node, "later")}
    assert found == {"a": 1, "r": 2, "ext_x": 3, "ext_r": 3, "z": 4}
    assert [type(node).__name__ for node in form.nodes[-2:]] == ["Repeat", "Add"]


@pytest.mark.parametrize("name", ["prelu", "relu", "mul", "add", "clamp"])
def test_a_module_is_read_by_its_class_whatever_its_name(name):
    """A LeakyReLU that a network called "prelu" was taken for the method of that name."""

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            setattr(self, name, nn.LeakyReLU(0.25))

        def forward(self, x):
            return getattr(self, name)(self.conv(x))

    module, x = Named(), torch.rand(1, 3, 4, 4) - 0.5
    graph = trace(module)
    assert torch.equal(run_graph(graph, x)[graph.output], module(x))
    assert graph.nodes[-1].slope.tolist() == [0.25]
    assert not graph.nodes[-1].trained


def test_a_fused_operator_has_no_integers():
    relu = Relu("r", ("x",))
    with pytest.raises(hwrts.fixed_point.HwrtsError, match="Relu 'r' stands alone; fuse it first"):
        relu.lower(None, {"r": PIXEL}, {"r": 3})


def test_signs():
    conv = Conv("c", ("x",), torch.rand(3, 3, 1, 1), torch.rand(3))
    assert (conv.non_negative(True), replace(conv, relu=True).non_negative(False)) == (False, True)
    assert (Scale("s", ("x",), 2.0).non_negative(True), Scale("s", ("x",), -2.0).non_negative(True)) == (
        True,
        False,
    )
    assert [Add("a", ("x", "y"), relu).non_negative(False) for relu in (False, True)] == [False, True]


def test_the_document_lists_every_operator():
    text = (Path(__file__).parents[2] / "docs" / "own_network.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    assert [name for name, *_ in rows] != []
    assert {name for name, *_ in rows} == set(OPERATORS)
    assert len(rows) == len(OPERATORS)
    whole = {name for name, _, _, _, streams in rows if "whole picture" in streams}
    assert whole == {"GlobalAverage", "Maximum", "Resize"}  # whose window may be WHOLE


def test_what_the_document_says_stays_refused_has_a_sentence_and_no_reader():
    """It said so of ``sign``, which had become a table."""
    text = (Path(__file__).parents[2] / "docs" / "own_network.md").read_text("utf-8")
    (bullet,) = re.findall(r"^- What stays refused, .+?(?=^- )", text, re.MULTILINE | re.DOTALL)
    names = re.findall(r"`(\w+)`", bullet)
    assert len(names) > 4
    for name in names:
        home = next(each for each in (torch, nn, nn.functional) if hasattr(each, name))
        found = getattr(home, name)
        module = found.__new__(found) if home is nn else None
        assert instead_of(module, None if module else found), name
        assert found not in {each for kind in OPERATORS.values() for each in (*kind.MODULES, *kind.FUNCTIONS)}
