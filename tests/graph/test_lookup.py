"""Functions by table: their spellings, their table, their slope, and from a module to a verified file."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import HwrtsError, UnsupportedOperatorError
from hwrts.export import to_onnx, verify
from hwrts.fixed_point import PIXEL, Format, Rounding
from hwrts.graph import Graph, Input, Lookup, run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import QatNote, note_graph, noted_graph
from hwrts.graph.operators.functions import Name
from hwrts.graph.operators.lookup_table import Table, table_of
from hwrts.graph.trace import trace
from hwrts.qat.network import QuantNetwork
from hwrts.qat.witness import TorchWitness
from hwrts.runs.own_check import check_own_module
from hwrts.training.checkpoint import load_weights, put_weights, save_weights

from ..fixed_point.test_requantize import slow_round
from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module

SPELLED = {
    "sigmoid": [nn.Sigmoid(), F.sigmoid, torch.sigmoid, torch.sigmoid_, torch.special.expit,
                lambda h: h.sigmoid(), lambda h: h.sigmoid_()],
    "tanh": [nn.Tanh(), F.tanh, torch.tanh, torch.tanh_, lambda h: h.tanh(), lambda h: h.tanh_()],
    "gelu": [nn.GELU(), F.gelu, lambda h: F.gelu(h, approximate="none")],
    "gelu_tanh": [nn.GELU("tanh"), lambda h: F.gelu(h, approximate="tanh")],
    "silu": [nn.SiLU(), nn.SiLU(inplace=True), F.silu, lambda h: F.silu(h, True)],
    "hardswish": [nn.Hardswish(), F.hardswish, lambda h: F.hardswish(h, inplace=True)],
    "hardsigmoid": [nn.Hardsigmoid(), nn.Hardsigmoid(True), F.hardsigmoid],
    "elu": [nn.ELU(), nn.ELU(0.3, inplace=True), F.elu, lambda h: F.elu(h, 0.5),
            lambda h: F.elu_(h, alpha=2)],
    "mish": [nn.Mish(), F.mish, lambda h: F.mish(h, inplace=True)],
    "softplus": [nn.Softplus(), nn.Softplus(2, 5), F.softplus, lambda h: F.softplus(h, 3),
                 lambda h: F.softplus(h, threshold=0.5, beta=0.7)],
    "exp": [torch.exp, torch.exp_, lambda h: h.exp(), lambda h: h.exp_()],
    "sqrt": [lambda h: torch.sqrt(F.relu(h)), lambda h: h.relu().sqrt(), lambda h: F.relu(h).sqrt_()],
    "reciprocal": [lambda h: torch.reciprocal(h.clamp(min=0.1)), lambda h: h.clamp(0.1).reciprocal(),
                   lambda h: h.clamp(min=0.1).reciprocal_(), lambda h: 1 / h.clamp(min=0.1),
                   lambda h: -0.3 / h.clamp(min=0.1)],
    "rsqrt": [lambda h: torch.rsqrt(h.clamp(min=0.1)), lambda h: h.clamp(0.1, 9).rsqrt(),
              lambda h: h.clamp(0.1, 9).rsqrt_()],
    "power": [torch.square, lambda h: h.square(), lambda h: h.square_(), lambda h: h**2, lambda h: h.pow(3),
              lambda h: torch.pow(h, 2), lambda h: torch.pow(h, exponent=4), lambda h: h.relu() ** 0.5,
              lambda h: h.clamp(0.1) ** -1.5, lambda h: h.pow_(2)],
    "abs": [torch.abs, abs, lambda h: h.abs(), lambda h: h.abs_(), torch.absolute],
    "selu": [nn.SELU(), nn.SELU(True), F.selu, torch.selu, lambda h: F.selu(h, inplace=True)],
    "celu": [nn.CELU(), nn.CELU(0.3), F.celu, lambda h: F.celu(h, 0.5), lambda h: torch.celu(h, alpha=2)],
    "softsign": [nn.Softsign(), F.softsign],
    "logsigmoid": [nn.LogSigmoid(), F.logsigmoid],
    "tanhshrink": [nn.Tanhshrink(), F.tanhshrink],
    "softshrink": [nn.Softshrink(), nn.Softshrink(0.2), F.softshrink, lambda h: F.softshrink(h, 0.1)],
    "hardshrink": [nn.Hardshrink(), nn.Hardshrink(0.2), F.hardshrink, lambda h: F.hardshrink(h, 0.1),
                   lambda h: h.hardshrink(0.3)],
    "threshold": [nn.Threshold(0.1, 0.3), nn.Threshold(0.1, -2, inplace=True), lambda h: F.threshold(h, 1, 2),
                  lambda h: F.threshold(h, threshold=0.2, value=0.7, inplace=True),
                  lambda h: torch.threshold(h, 0.5, -1)],
    "exp2": [torch.exp2, lambda h: h.exp2(), torch.special.exp2],
    "expm1": [torch.expm1, lambda h: h.expm1_(), torch.special.expm1],
    "log": [lambda h: torch.log(h.clamp(min=0.1)), lambda h: torch.sigmoid(h).log()],
    "log2": [lambda h: torch.log2(h.clamp(min=0.1)), lambda h: h.clamp(0.1, 3).log2()],
    "log10": [lambda h: torch.log10(h.clamp(min=0.1)), lambda h: h.clamp(0.1, 3).log10_()],
    "log1p": [lambda h: torch.log1p(h.relu()), lambda h: F.relu(h).log1p()],
    "erf": [torch.erf, lambda h: h.erf(), torch.special.erf],
    "sin": [torch.sin, lambda h: h.sin()],
    "cos": [torch.cos, lambda h: h.cos()],
    "sinh": [torch.sinh, lambda h: h.sinh()],
    "cosh": [torch.cosh, lambda h: h.cosh()],
    "atan": [torch.atan, lambda h: h.arctan()],
    "sign": [torch.sign, lambda h: h.sign(), torch.sgn],
    "gt": [lambda h: h > 0.25, lambda h: torch.gt(h, -1), lambda h: (h > 0).float()],
    "ge": [lambda h: h >= 0.25, lambda h: h.ge(0).to(h.dtype)],
    "lt": [lambda h: h < 0.25, lambda h: torch.less(h, 0)],
    "le": [lambda h: h <= 0.25, lambda h: h.le(-1), lambda h: ~(h > 1)],
}  # fmt: skip


def test_every_function_is_spelled():
    assert list(SPELLED) == list(get_args(Name))


@pytest.mark.parametrize(
    ("name", "spelled"), [(name, each) for name, several in SPELLED.items() for each in several]
)
def test_spellings_are_the_module(name, spelled):
    network = module(lambda s, x: (lambda h: (s.f(h), h)[0] + h)(s.c(x)), c=conv()).eval()
    network.f = spelled
    graph, x = trace(network), 6 * torch.randn(2, 3, 6, 7)
    assert [node.function for node in graph.of(Lookup)][-1:] == [name]
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


ABOVE = ("sqrt", "reciprocal", "rsqrt", "log", "log2", "log10", "log1p")
"""Functions that are asked for values above 0 alone, sqrt and log1p for 0 as well."""


POLES = ABOVE[1:-1]
"""Functions that are infinite at 0."""


def node(name, **settings):
    if name in POLES:
        settings = {"low": 0.01} | settings
    return Lookup("y", ("x",), name, **settings)


def values_of(each, source):
    """In float64, of every code; one below the least that the source can be is that."""
    x = torch.arange(source.min, source.max + 1).double() * 2.0**-source.frac
    return each.value(x if each.low is None else x.clamp(min=max(each.low, 2.0**-source.frac / 4)))


FORMATS = [
    (Format(True, 8, 5), Format(True, 8, 6)),
    (Format(False, 8, 6), Format(False, 8, 5)),
    (Format(True, 8, 0), Format(True, 4, 2)),
    (Format(True, 3, -1), Format(False, 8, 8)),
]


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", get_args(Name))
@pytest.mark.parametrize(("source", "out"), FORMATS)
def test_a_table_is_the_function_of_every_code_rounded_once(name, source, out, rounding):
    if name in ABOVE:
        source = replace(source, signed=False)
    table = table_of(node(name), source, out, rounding)
    exact = [
        slow_round(Fraction(max(-1e9, min(value, 1e9))) * Fraction(2) ** out.frac, rounding)
        for value in values_of(node(name), source).tolist()
    ]
    assert table.dtype == torch.int16
    assert table.tolist() == [min(max(code, out.min), out.max) for code in exact]


def test_tables_by_hand():
    """Hardsigmoid is x/6 + 1/2, exactly: codes -4..3 of f = 1 are -2..1.5, and in eighths 8*(x/6 + 1/2)."""
    source, out = Format(True, 3, 1), Format(True, 8, 3)  # 4/3, 2, 8/3, 10/3, 4, 14/3, 16/3, 6
    found = {rule: table_of(node("hardsigmoid"), source, out, rule).tolist() for rule in Rounding}
    assert found[Rounding.FLOOR] == [1, 2, 2, 3, 4, 4, 5, 6]
    assert found[Rounding.HALF_EVEN] == [1, 2, 3, 3, 4, 5, 5, 6]
    # softplus beyond its threshold is x, so ties are exact: -1, 0, 1 are halves of a code of f = -1
    line = node("softplus", threshold=-9.0)
    ties = {rule: table_of(line, Format(True, 2, 0), Format(True, 4, -1), rule).tolist() for rule in Rounding}
    assert ties == {
        Rounding.HALF_EVEN: [-1, 0, 0, 0],
        Rounding.HALF_UP: [-1, 0, 0, 1],
        Rounding.HALF_AWAY: [-1, -1, 0, 1],
        Rounding.FLOOR: [-1, -1, 0, 0],
        Rounding.DOUBLE: [-1, -1, 0, 1],
    }
    assert table_of(node("exp"), Format(True, 4, -6), PIXEL, Rounding.FLOOR).tolist() == [0] * 8 + [255] * 8
    elu, out = node("elu", alpha=0.5), Format(True, 8, 4)
    assert table_of(elu, Format(True, 2, 0), out, Rounding.FLOOR).tolist() == [-7, -6, 0, 16]


@pytest.mark.in_turns
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("name", [each for each in get_args(Name) if each not in POLES])
def test_forward_is_the_table_and_backward_the_functions_own_slope(name, rounding):
    source, out = Format(name not in ABOVE, 8, 5), Format(True, 8, 5)
    part = Table(node(name), source, out, rounding)
    codes = torch.arange(source.min, source.max + 1)
    x = (codes * 2.0**-5).reshape(1, 1, 16, 16).requires_grad_()
    y = part(x)
    assert torch.equal(y.detach().flatten() * 2.0**5, part.codes.float())
    gradient = torch.randn(1, 1, 16, 16)
    y.backward(gradient)
    free = x.detach().clone().requires_grad_()
    node(name).value(free).backward(gradient)
    assert x.grad is not None
    assert free.grad is not None
    inside = torch.isfinite(free.grad)
    assert int((~inside).sum()) == (name == "sqrt")  # infinitely steep at 0, where a training would end
    assert torch.equal(x.grad[~inside], gradient[~inside] * 4)  # as at half an LSB, 1/64: 1 / (2 * 1/8)
    assert torch.equal(x.grad[inside], free.grad[inside])
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize(
    ("name", "entries", "slopes"),
    [
        # of 0, 1/2, 1, 3/2, where 0 is 1/8, in training half an LSB; -1/x^2 is saturated where 1/x is 4
        ("reciprocal", [15, 8, 4, 3], [0, -4, -1, -4 / 9]),
        ("rsqrt", [11, 6, 4, 3], [-4, -1.4142135, -0.5, -0.27216553]),
        ("log", [-8, -3, 0, 2], [4, 2, 1, 2 / 3]),
    ],
)
def test_poles_by_hand(name, entries, slopes):
    source, out = Format(False, 2, 1), Format(name == "log", 5 if name == "log" else 4, 2)
    part = Table(node(name, low=0.1), source, out, Rounding.HALF_EVEN)
    assert part.codes.tolist() == entries
    x = torch.tensor([0, 0.5, 1, 1.5]).reshape(1, 1, 2, 2).requires_grad_()
    part(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad.flatten(), torch.tensor(slopes))


class Gated(nn.Module):
    """One of most functions, among them one behind a shuffle, one with two readers and one at the output."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden, self.wide = conv(3, 8), conv(8, 8, 1), conv(8, 12)
        self.gelu, self.soft = nn.GELU(), nn.Softplus(2)

    def forward(self, x):
        h = self.gelu(self.first(x))
        h = F.silu(self.hidden(h)) + torch.tanh(h)
        h = F.elu(F.pixel_shuffle(self.wide(F.mish(h) + self.soft(h)), 2), 0.5)
        return torch.sigmoid(4 * h)


@pytest.mark.usually(rounding=Rounding.HALF_AWAY)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Gated(), rounding=rounding)
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    tables = [name for name in network.formats if f"{name}.index.Cast" in _names(network)]
    assert len(tables) == verdict.facts["census"]["Gather"] == 7
    controls = {control["name"]: control["caught"] for control in verdict.controls}
    assert [controls[f"deliberate error in {name}"] for name in tables] == [True] * 7
    assert network.formats[network.output] == PIXEL


def _names(network):
    return {each.name for each in to_onnx(network).graph.node}


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (8, 5), (2, 2)])
def test_integers_equal_fake_quantised_values(picture, weight_bits, activation_bits):
    quantised = quantise(Gated(), weight_bits=weight_bits, activation_bits=activation_bits)
    assert_integers_equal_values(quantised, picture(9, 12))
    assert_integers_equal_values(quantised, picture(1, 1))


def test_a_wrong_entry_is_found_by_the_torch_witness(picture):
    quantised = quantise(Gated()).eval()
    network = quantised.lower()
    layer = network.layer("sigmoid")
    table = layer.table_i16.copy()
    table[128] ^= 1  # of code 0
    broken = network.exchanged(replace(layer, table_i16=table))
    witness = TorchWitness(quantised, broken)
    verdict = verify(
        broken, to_onnx(broken).SerializeToString(), {"photo": picture(15, 14)}, [witness], layers=["sigmoid"]
    )
    assert [row.mismatches > 0 for row in verdict.rows.values() if row.witness == witness.name] == [
        True,
        True,
    ]
    assert not verdict.passed


def test_the_note_holds_function_and_parameters():
    graph = deploy_form(trace(Gated().eval()))
    notes = json.loads(json.dumps(note_graph(graph)))
    found = {entry["name"]: entry for entry in notes if entry["op"] == "Lookup"}
    assert [entry["function"] for entry in found.values()] == [
        "gelu", "silu", "tanh", "mish", "softplus", "elu", "sigmoid",
    ]  # fmt: skip
    assert (found["elu"]["alpha"], found["soft"]["beta"], found["soft"]["threshold"]) == (0.5, 2.0, 20.0)
    assert noted_graph(notes).of(Lookup) == graph.of(Lookup)
    formats = {each.name: {"signed": True, "bits": 8, "frac": 4} for each in graph.quantised_nodes()}
    whole = {"graph": notes, "formats": formats, "weight_bits": 8, "rounding": "half_even"}
    QatNote.model_validate(whole)
    for wrong in (
        {"function": "sine"},
        {"beta": 0.0},
        {"alpha": "1"},
        {"function": 3},
        {"threshold": 1e31},
        {"lambd": -0.5},
        {"low": "0"},
    ):
        found["soft"] |= (kept := dict(found["soft"])) and wrong
        with pytest.raises(ValueError, match="validation error"):
            QatNote.model_validate(whole)
        found["soft"].update(kept)
    QatNote.model_validate(whole)


def test_files_keep_the_table_and_training_computes_with_it(tmp_path, picture):
    """Not with the function: rounded a second time, its float32 values are nearly always the same codes."""
    quantised = quantise(Gated())
    save_weights(tmp_path / "w", quantised, {})
    tensors, _ = load_weights(tmp_path / "w")
    kept = {name for name in tensors if name.startswith("tables.")}
    assert kept == {f"tables.{each.name}.codes" for each in quantised.graph.of(Lookup)}
    tensors["tables.sigmoid.codes"][128] += 1
    again = QuantNetwork(quantised.graph, quantised.formats)
    put_weights(tmp_path / "w", again, tensors)
    before, after = (each.lower().layer("sigmoid").table_i16[128] for each in (quantised, again))
    assert after == before + 1
    assert_integers_equal_values(again, picture(15, 14))


def test_what_is_stored_unsigned():
    always = {"sigmoid", "hardsigmoid", "softplus", "exp", "sqrt", "rsqrt", "power", "abs", "exp2", "cosh"}
    always |= {"gt", "ge", "lt", "le"}
    signed = ("logsigmoid", "log", "log2", "log10", "sin", "cos")
    for name in get_args(Name):
        assert node(name).non_negative(True) == (name not in signed)
        assert node(name).non_negative(False) == (name in always)
    assert not node("power", exponent=3.0).non_negative(False)
    assert not node("reciprocal", numerator=-1.0).non_negative(True)
    assert not node("threshold", replaced=-1.0).non_negative(True)
    nodes = (Input("x", 1), Lookup("t", ("x",), "tanh"), Lookup("e", ("t",), "elu", alpha=-1.0))
    assert Graph(nodes).non_negative() == {"x", "t", "e"}


REFUSED = {
    "over": (lambda s, x: 0 / s.c(x), ["'truediv'", "the number 0 over a tensor"]),
    "power of 2": (lambda s, x: 2 ** s.c(x), ["'pow'", "an exponent that is a tensor"]),
    "shrinkage": (lambda s, x: F.softshrink(s.c(x), -1.0), ["'softshrink'", "lambd not below"]),
    "beta": (lambda s, x: F.softplus(s.c(x), -1.0), ["'softplus'", "beta above 0"]),
    "nan": (lambda s, x: F.elu(s.c(x), float("nan")), ["'elu'", "nan is not a finite number"]),
    "tensor": (lambda s, x: F.elu(s.c(x), s.c.bias), ["'elu'", "is not a finite number"]),
    "out": (lambda s, x: torch.exp(s.c(x), out=None), ["'exp'", "'out' is not supported"]),
    "approximate": (lambda s, x: F.gelu(s.c(x), approximate="erf"), ["'gelu'", "use 'none' or 'tanh'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_table_is_named_with_its_place(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


NEVER_ZERO = {
    "clamp": lambda s, x: s.b(1 / s.a(x).clamp(min=1e-6)),
    "sigmoid": lambda s, x: s.b(torch.reciprocal(torch.sigmoid(s.a(x)))),
    "exp": lambda s, x: s.b(torch.rsqrt(s.a(x).exp())),
    "softplus, moved": lambda s, x: s.b(F.softplus(s.a(x)).clamp(max=3)[:, 0:3].log()),
    "sum": lambda s, x: s.b((F.relu(s.a(x)) + torch.sigmoid(s.a(x))).pow(-0.5)),
    "product": lambda s, x: s.b(1 / (s.a(x).exp() * torch.sigmoid(s.a(x)))),
    "quotient": lambda s, x: s.b(s.a(x) / s.a(x).sigmoid()),
}


@pytest.mark.parametrize("case", NEVER_ZERO)
def test_a_pole_that_is_never_reached_is_no_hindrance(case, picture):
    network = module(NEVER_ZERO[case], a=conv(), b=conv())
    assert check_own_module(network).scale == 1
    assert_integers_equal_values(quantise(network), picture(9, 12))


MAY_BE_ZERO = {
    "anything": (lambda s, x: s.b(1 / s.a(x)), "'truediv': reciprocal has no value at 0"),
    "relu": (lambda s, x: s.b(F.relu(s.a(x)).rsqrt()), "'rsqrt': rsqrt has no value at 0"),
    "log": (lambda s, x: s.b(torch.log(s.a(x))), "'log': log has no value at -128"),
    "power": (lambda s, x: s.b(s.a(x) ** -2), "'pow': power has no value at 0"),
    "difference": (lambda s, x: s.b(x / (-0.5 * s.a(x).exp())), "'truediv': reciprocal has no value at 0"),
}


@pytest.mark.parametrize("case", MAY_BE_ZERO)
def test_a_pole_that_may_be_reached_is_refused_with_its_place(case):
    forward, named = MAY_BE_ZERO[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        check_own_module(module(forward, a=conv(), b=conv()))
    assert named in str(caught.value)
    assert "put a clamp" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_quotient_is_a_table_and_a_product():
    network = module(lambda s, x: x / torch.sqrt(s.a(x).exp()), a=conv(3, 1)).eval()
    graph, x = trace(network), torch.rand(2, 3, 6, 7)
    assert [type(each).__name__ for each in graph.operations] == ["Conv", "Lookup", "Lookup", "Multiply"]
    assert [each.function for each in graph.of(Lookup)] == ["exp", "rsqrt"]  # one table, not two
    torch.testing.assert_close(run_graph(graph, x)[graph.output], network(x))
    read_twice = module(lambda s, x: (lambda r: x / r + r)(torch.sqrt(s.a(x).exp())), a=conv(3, 1)).eval()
    graph = trace(read_twice)
    assert [each.function for each in graph.of(Lookup)] == ["exp", "sqrt", "reciprocal"]
    torch.testing.assert_close(run_graph(graph, x)[graph.output], read_twice(x))


def test_a_root_of_what_may_be_negative_is_refused_before_anything_is_read():
    network = module(lambda s, x: s.b(torch.sqrt(s.a(x))), a=conv(), b=conv())
    with pytest.raises(UnsupportedOperatorError, match=r"'sqrt': sqrt has no value at -128 .* put a clamp"):
        check_own_module(network)
    fine = module(lambda s, x: s.b(torch.sqrt(F.relu(s.a(x)))), a=conv(), b=conv())
    assert check_own_module(fine).scale == 1
    with pytest.raises(HwrtsError, match="layer 'y': sqrt has no value at -2"):
        table_of(node("sqrt"), Format(True, 2, 0), PIXEL, Rounding.FLOOR)
