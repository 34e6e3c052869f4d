"""Weights rounded for what they are fed: smaller errors on it, on the same grids, and nothing else moved."""

import doctest
import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hwrts.config import NetworkConfig, QatConfig
from hwrts.errors import HwrtsError
from hwrts.graph import Conv, Graph, run_graph
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.qat import fed_rounding, range_penalty
from hwrts.qat.fed_rounding import round_as_fed, rounded
from hwrts.qat.network import QuantNetwork
from hwrts.runs import quantise
from hwrts.runs.quantise import start_qat


def smooth(size: int = 24) -> torch.Tensor:
    """Pictures (4, 3, H, W), neighbours alike."""
    seeds = torch.Generator().manual_seed(1)
    x = F.avg_pool2d(torch.rand(4, 3, size + 6, size + 6, generator=seeds), 7, stride=1)  # about 0.5 +- 0.04
    return ((x - 0.5) * 5 + 0.5).clamp(0, 1)


def traced(name: str = "srresnet", **size: Any) -> Graph:
    torch.manual_seed(3)
    settings = {"name": name, "blocks": 1, "channels": 8, **size}
    model = build_network(NetworkConfig.model_validate(settings)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.add_(torch.randn_like(weight) * 0.01)  # as by a training
    return trace(model)


def started(graph: Graph, **settings: Any) -> QuantNetwork:
    x = smooth()
    return start_qat(graph, QatConfig.model_validate(settings), lambda step: x, SILENT)


def same_weights(one: QuantNetwork, other: QuantNetwork) -> bool:
    numbers = other.state_dict()
    return all(torch.equal(value, numbers[name]) for name, value in one.state_dict().items())


def test_few_weights_have_nearly_the_best_codes():
    """All codes are tried beside them; each weight rounded alone is far from the best."""
    seeds = torch.Generator().manual_seed(0)
    ways = torch.tensor(list(itertools.product(range(-4, 5), repeat=4))).double()  # (W, 4)
    found = alone = best = 0.0
    for _ in range(20):
        like = torch.rand(1, 60, generator=seeds).double()
        x = like + 0.1 * torch.rand(4, 60, generator=seeds).double()  # (4, P)
        exact = (torch.rand(1, 4, generator=seeds).double() - 0.5) * 6

        def error(codes: torch.Tensor, exact: torch.Tensor = exact, x: torch.Tensor = x) -> torch.Tensor:
            return ((codes - exact) @ x).square().sum(1)

        best += float(error(ways).min())
        found += float(error(rounded(exact, x @ x.T, 4)))
        alone += float(error(exact.round()))
    assert best <= found < 4 * best  # each code is decided once, in order
    assert alone > 4 * found


def test_examples_in_docstrings():
    for module, examples in ((fed_rounding, 2), (range_penalty, 1)):
        result = doctest.testmod(module, raise_on_error=False)
        assert (result.failed, result.attempted) == (0, examples)


def test_codes_stay_in_their_range():
    exact = torch.full((1, 3), 9.0).double()
    assert rounded(exact, torch.ones(3, 3).double(), 7).tolist() == [[7.0, 7.0, 7.0]]


def kernel_error(network: QuantNetwork, name: str) -> float:
    """Of what a kernel makes of what it is fed, squared, beside its exact weights."""
    (conv,) = (each for each in network.graph.of(Conv) if each.name == name)
    with torch.no_grad():
        source = run_graph(network.graph, smooth())[conv.sources[0]]
        part = network.part(conv)
        made = F.conv2d(conv.padded(source), part.quant_weight().value, conv.bias)
        return float((made - conv.value(source)).square().mean())


def test_kernels_answer_to_what_they_are_fed_as_exact_ones_do():
    graph = traced()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(quantise, "round_as_fed", lambda network, batches: network)
        plain, after = started(graph), started(graph)
    round_as_fed(after, [smooth()])
    for name in ("conv_in", "up_0"):
        assert kernel_error(after, name) < kernel_error(plain, name) / 2
    for one, other in zip(plain.lower().convs, after.lower().convs, strict=True):
        assert (one.weight_frac == other.weight_frac).all()  # grids stay
        assert (one.bias_i32 == other.bias_i32).all()


def test_a_transposed_convolution_is_rounded_with_the_taps_that_it_has():
    """Before, all of its codes were as they were, for its zeros are held; FSRCNN's last layer is one."""
    graph = traced("fsrcnn")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(quantise, "free_rows", lambda network: {})
        plain, after = started(graph), started(graph)
    last = graph.of(Conv)[-1].name
    round_as_fed(after, [smooth()])
    assert kernel_error(after, last) < kernel_error(plain, last) / 2
    before, now = (made.lower().convs[-1] for made in (plain, after))
    (node,) = (each for each in plain.graph.of(Conv) if each.name == last)
    there = node.row_taps.reshape(node.weight.shape).numpy()
    assert len(node.row_taps.unique(dim=0)) == 4  # one kind of row for each phase
    assert int(there[:4].sum()) == 81 * node.weight.shape[1]  # of the 9x9 of a channel
    assert not now.weight_i8[~there].any()
    assert (now.weight_i8 != before.weight_i8).any()
    assert (now.weight_frac == before.weight_frac).all()  # grids stay


def test_what_is_not_free_stays(monkeypatch):
    for settings in ({"weight_bits": 4}, {"accumulator_bits": 18}):
        made = started(traced(), **settings)
        before = {name: value.clone() for name, value in made.state_dict().items()}
        round_as_fed(made, [smooth()])
        assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    monkeypatch.setattr(fed_rounding, "MOST_TAPS", 0)
    made = started(traced())
    before = {name: value.clone() for name, value in made.state_dict().items()}
    round_as_fed(made, [smooth()])
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_only_where_the_picture_goes_through_kernels_and_the_picture_gains(monkeypatch):
    """A network with an image residual is what it was; of the two the nearer to the float one is taken."""

    def never(network: QuantNetwork, batches: object) -> QuantNetwork:
        raise AssertionError("was asked")

    def worse(network: QuantNetwork, batches: object) -> QuantNetwork:
        with torch.no_grad():
            network.part(network.graph.of(Conv)[0]).weight.mul_(0.5)
        return network

    monkeypatch.setattr(quantise, "round_as_fed", lambda network, batches: network)
    plain = started(traced())
    monkeypatch.setattr(quantise, "round_as_fed", worse)
    kept = started(traced())
    assert same_weights(kept, plain)
    assert kept.training
    monkeypatch.setattr(quantise, "round_as_fed", never)
    started(traced("residual", keeps="nothing"))
    started(traced("ecbsr"))
    for name in ("srresnet", "fsrcnn"):  # with a sum of its own at its end, and without
        with pytest.raises(AssertionError, match="was asked"):
            started(traced(name))


def test_codes_that_no_legal_network_can_hold_are_not_taken(monkeypatch):
    def lower() -> None:
        raise HwrtsError("sums that are too large")

    def illegal(network: QuantNetwork, batches: Any) -> QuantNetwork:
        monkeypatch.setattr(network, "lower", lower)
        return round_as_fed(network, batches)

    nearer = started(traced())
    monkeypatch.setattr(quantise, "round_as_fed", lambda network, batches: network)
    plain = started(traced())
    assert not same_weights(nearer, plain)
    monkeypatch.setattr(quantise, "round_as_fed", illegal)
    assert same_weights(started(traced()), plain)


def places(rows: int, columns: int) -> torch.Tensor:
    """Pictures (1, 2, H, W) that say of each pixel in which row and column it is."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([row, column])[None].float()


@pytest.mark.parametrize("pictures", [1, 2, 3, 8, 16, 128])
@pytest.mark.parametrize("size", [(64, 64), (63, 63), (60, 45), (48, 63), (35, 36), (80, 99), (9, 64)])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_column_and_row_is_met(size, pictures, stride):
    """A step through the pixels has factors in common with the width: of 9 and 63 one column in 9 was met."""
    weight = torch.eye(2)[:, :, None, None]
    node = Conv("y", ("x",), weight, torch.zeros(2), stride=stride)
    x = places(*size).expand(pictures, -1, -1, -1)
    met = fed_rounding._fed(node, x).long()
    window = [min(side, fed_rounding.SIDE) for side in size]
    corners = [(side - inside) // 2 for side, inside in zip(size, window, strict=True)]
    wanted = [
        set(range(first, first + inside, stride)) for first, inside in zip(corners, window, strict=True)
    ]
    assert [set(each.tolist()) for each in met] == wanted
    phases = set(map(tuple, (met // stride % 2).T.tolist()))
    assert len(phases) == 4  # rows and columns, odd and even: of the four that a shuffle makes
    everything = pictures * len(wanted[0]) * len(wanted[1])
    assert met.shape[1] == min(fed_rounding.PIXELS, everything)
    assert torch.equal(met, fed_rounding._fed(node, x).long())  # the same again


@pytest.mark.parametrize("settings", [{"weight_bits": 4}, {"accumulator_bits": 18}, {"rows": "long"}])
def test_where_no_code_is_free_no_second_network_is_made(settings, monkeypatch):
    def never(*given: object) -> QuantNetwork:
        raise AssertionError("was asked")

    if "rows" in settings:
        monkeypatch.setattr(fed_rounding, "MOST_TAPS", 0)
    monkeypatch.setattr(quantise, "round_as_fed", never)
    made = started(traced("fsrcnn"), **{key: each for key, each in settings.items() if key != "rows"})
    assert made.training
    assert not fed_rounding.free_rows(made)


@pytest.mark.parametrize("dead", ["picture", "relu"])
def test_what_is_fed_nothing_but_zeros_stays(dead):
    """Black photographs, or channels that never answer: products of 0 have no factor, and torch ended it."""
    graph, x = traced("edsr"), smooth() * (dead != "picture")
    first = graph.of(Conv)[1]  # of the block; the second reads its ReLU
    if dead == "relu":
        silent = replace(first, bias=first.bias - 10)
        graph = graph.rewritten([silent if node is first else node for node in graph.nodes])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(quantise, "round_as_fed", lambda network, batches: network)
        plain, after = (start_qat(graph, QatConfig(), lambda step: x, SILENT) for _ in range(2))
    round_as_fed(after, [x])
    same = {
        one.name: bool((one.weight_i8 == other.weight_i8).all())
        for one, other in zip(plain.lower().convs, after.lower().convs, strict=True)
    }
    assert same["conv_in" if dead == "picture" else "blocks_0_conv2"]
    assert not same["conv_out"]  # fed by biases at least
    start_qat(graph, QatConfig(), lambda step: x, SILENT).lower()
