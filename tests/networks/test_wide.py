"""What is trained wide is one convolution: at the borders, of groups, of what is held, of every network."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from hwrts.graph.trace import trace
from hwrts.networks import ECBSR, FSRCNN, SESR, Residual
from hwrts.networks.build import build_network
from hwrts.networks.sesr import WIDE
from hwrts.networks.wide import Wide, collapse, shares_of_rate, widen
from hwrts.settings_file import parse_config
from hwrts.training.aids import training_aids
from hwrts.training.fit import Schedule, Training, fit

from .test_networks import TINY, planes, tiny


class Drawn(nn.Module):
    """A wide convolution as it would be drawn: its own taps, and beside them two convolutions in a row."""

    def __init__(self, conv: Any) -> None:
        super().__init__()
        factors: Any = conv.parametrizations.weight
        made = factors[0]
        maps = made.wide.shape[1]
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels  # which imdn asks for
        settings: dict[str, Any] = {"groups": conv.groups, "padding": conv.padding, "stride": conv.stride}
        settings |= {"dilation": conv.dilation, "padding_mode": conv.padding_mode}
        settings["dtype"] = conv.bias.dtype
        self.own = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, **settings)
        self.wide = nn.Conv2d(conv.in_channels, conv.groups * maps, conv.kernel_size, bias=False, **settings)
        self.narrow = nn.Conv2d(conv.groups * maps, conv.out_channels, 1, groups=conv.groups, bias=False)
        self.narrow.to(conv.bias.dtype)
        with torch.no_grad():
            self.own.weight.copy_(factors.original)
            self.own.bias.copy_(conv.bias)
            self.wide.weight.copy_(made.wide.flatten(0, 1))
            self.narrow.weight.copy_(made.narrow.flatten(0, 1)[:, :, None, None])

    def forward(self, x):
        return self.own(x) + self.narrow(self.wide(x))


def drawn(network: nn.Module) -> nn.Module:
    """A copy of a wide network with each convolution as it would be drawn."""
    made = copy.deepcopy(network)
    for module in list(made.modules()):
        for name, child in list(module.named_children()):
            if parametrize.is_parametrized(child) and isinstance(child.parametrizations.weight[0], Wide):
                setattr(module, name, Drawn(child))
    return made


def wide_parts(network: nn.Module) -> list[Wide]:
    return [module for module in network.modules() if isinstance(module, Wide)]


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """With all numbers moved, as a training moves them: of the start alone the product is taken out again."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return network


@pytest.mark.parametrize("padding", ["zero", "replicate"])
@pytest.mark.parametrize("name", [name for name in TINY if name not in ("sesr", "ecbsr")])
def test_every_network_is_its_wide_form_also_at_the_border(name, padding):
    """Pictures of 8x4 pixels are border nearly everywhere. The sums are made in another order: in float64, of
    numbers below 100, that is 1e-13 of the range, in float32 1e-6."""
    config = {"name": name.removesuffix("-luma"), "padding": padding, "keeps": "nothing", **TINY[name]}
    config |= {"colour": "luma"} if name.endswith("-luma") else {}
    network = build_network(parse_config({"network": config}, "test").network).eval()
    x = torch.rand(2, planes(name), 8, 4)
    before, names = network(x), set(network.state_dict())
    widen(network, 3, seed=1)
    assert wide_parts(network)
    of_range = max(1.0, float(before.detach().abs().max()))
    torch.testing.assert_close(network(x), before, rtol=0, atol=1e-6 * of_range)
    moved = shaken(network)(x)
    assert not torch.allclose(moved, before, atol=1e-3)
    of_range = max(1.0, float(moved.detach().abs().max()))
    network.double()
    exact = drawn(network)(x.double())
    torch.testing.assert_close(network(x.double()), exact, rtol=0, atol=1e-13 * of_range)
    collapse(network)
    assert not wide_parts(network)
    assert set(network.state_dict()) == names  # as if it had never been wide
    torch.testing.assert_close(network(x.double()), exact, rtol=0, atol=1e-13 * of_range)
    torch.testing.assert_close(network.float()(x), moved, rtol=0, atol=1e-6 * of_range)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 3), (5, 5)])
@pytest.mark.parametrize("mode", ["zeros", "replicate", "reflect"])
def test_groups_and_kernels(groups, kernel, mode):
    """Of 6 channels in 6 groups it is depthwise."""
    padding = tuple(size // 2 for size in kernel)
    conv = nn.Conv2d(6, 12, kernel, padding=padding, groups=groups, padding_mode=mode, stride=2)
    network, x = nn.Sequential(conv), torch.rand(1, 6, 7, 6)
    widen(network, 2, seed=0)
    (part,) = wide_parts(network)
    assert part.wide.shape == (groups, 2 * 12 // groups, 6 // groups, *kernel)
    expected = drawn(shaken(network))(x)
    collapse(network)
    torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-6)


def test_sums_are_made_in_float64():
    network = nn.Sequential(nn.Conv2d(8, 8, 3))
    widen(network, 16, seed=3)
    shaken(network)
    factors: Any = network[0].parametrizations.weight
    own, wide, narrow = (
        each.detach().double() for each in (factors.original, factors[0].wide, factors[0].narrow)
    )
    exact = (own + torch.einsum("om,miyx->oiyx", narrow[0], wide[0])).float()
    rounded = factors().detach()
    assert not torch.equal(rounded, exact)
    collapse(network)
    assert torch.equal(network.state_dict()["0.weight"], exact)


@pytest.mark.parametrize("keeps", ["flat", "grey"])
def test_what_residual_keeps_is_kept_through_a_wide_training(keeps):
    """As of a plain one: levels of flat pictures, and with "grey" equal colours. 1e-5: float32."""
    torch.manual_seed(0)
    network = Residual(1, 6, keeps=keeps)
    widen(network, 2, seed=0)
    aids = training_aids(network)
    x, target = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 32, 32)
    start = network(x).detach()
    fit(
        Training.start(network), network, lambda n: (x, target), Schedule(1e-2, 20), lambda n, v: None,
        aids.constrain, None, aids.project,
    )  # fmt: skip
    collapse(network.eval())
    flat = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand(1, 3, 20, 20)
    inside = network(flat)[..., 8:-8, 8:-8]
    torch.testing.assert_close(inside, flat[..., :1, :1].expand_as(inside), rtol=0, atol=1e-5)
    grey = network(torch.rand(1, 1, 12, 12).expand(1, 3, 12, 12))
    spread = float((grey.amax(1) - grey.amin(1)).max().detach())
    assert (spread < 1e-5) == (keeps == "grey")
    assert not torch.allclose(network(x), start, atol=0.01)


def test_equal_seeds_widen_equally():
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        network = tiny("quicksrnet")
        widen(network, 2, seed=seed)
        states.append(torch.cat([value.flatten() for value in network.state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_what_is_trained_as_something_else_is_left_so():
    """sesr and ecbsr are wide by their papers; fsrcnn's last layer is trained as a deconvolution."""
    for network in (SESR(1, 6), ECBSR(1, 6)):
        widen(network, 2, seed=0)
        assert not wide_parts(network)
        assert shares_of_rate(network) == {}  # all their parts move at the whole rate
    fsrcnn = FSRCNN(1, 6)
    widen(fsrcnn, 2, seed=0)
    assert len(wide_parts(fsrcnn)) == 2  # conv_in and one of mapping; others have 1x1 taps
    assert fsrcnn.deconv.parametrizations.weight.original.shape[-2:] == (9, 9)


@pytest.mark.parametrize("first", [0, 1])
def test_a_copy_and_its_original_collapse_alone(first):
    """Torch has what a weight is made of in a class that deep copies share."""
    network, x = shaken(tiny("quicksrnet")), torch.rand(1, 3, 8, 8)
    widen(network, 2, seed=0)
    pair = network, copy.deepcopy(network)
    shaken(pair[1])
    expected = [each(x) for each in pair]
    assert not torch.allclose(expected[0], expected[1], atol=1e-3)
    for i in (first, 1 - first):
        collapse(pair[i])
        assert not wide_parts(pair[i])
        for each, before in zip(pair, expected, strict=True):
            torch.testing.assert_close(each(x), before, rtol=0, atol=1e-5)


def test_copies_of_what_has_another_part_made_are_widened_alone():
    network = nn.Sequential(nn.Conv2d(3, 3, 3))
    parametrize.register_parametrization(network[0], "bias", nn.Identity())
    other, x = copy.deepcopy(network), torch.rand(1, 3, 8, 8)
    expected = network(x)
    widen(other, 2, seed=0)
    for each in (network, other):
        torch.testing.assert_close(each(x), expected, rtol=0, atol=1e-6)
    collapse(other)
    for each in (network, other):
        torch.testing.assert_close(each(x), expected, rtol=0, atol=1e-6)


def _tied(network: Any) -> None:
    network[1].weight = network[0].weight


def _frozen(network: Any) -> None:
    network[0].weight.requires_grad_(False)
    network[1].weight.requires_grad_(False)


def _normalised(network: Any) -> None:
    for conv in network:
        nn.utils.weight_norm(conv)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("treated", [_tied, _frozen, _normalised])
def test_weights_that_are_shared_not_trained_or_normalised_stay_so(treated):
    """Of a module of one's own: a product beside one of two equal weights would make them two."""
    network, x = (
        nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 5, 3)),
        torch.rand(1, 3, 9, 9),
    )
    treated(network[:2])
    expected = network(x)
    widen(network, 2, seed=0)
    assert [parametrize.is_parametrized(conv) for conv in network] == [False, False, True]
    torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-6)
    collapse(network)
    torch.testing.assert_close(network(x), expected, rtol=0, atol=1e-6)


def test_expand_multiplies_what_sesr_and_ecbsr_have():
    def of(name, expand):
        config = parse_config({"network": {"name": name, **TINY[name], "expand": expand}}, "test")
        return build_network(config.network).eval()

    sesr: Any = of("sesr", 2)
    assert sesr.conv[0].parametrizations.weight.original0.shape == (2 * WIDE, 6, 3, 3)
    ecbsr: Any = of("ecbsr", 3)
    assert ecbsr.conv[1].parametrizations.weight.original1.shape == (3 * 2 * 6, 6)
    for name in ("sesr", "ecbsr"):
        shapes = [
            [node.weight.shape for node in trace(of(name, n)).nodes if hasattr(node, "weight")]
            for n in (1, 4)
        ]
        assert shapes[0] == shapes[1]  # deployed it is the same network


def test_a_wide_convolution_learns_through_both_parts():
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1))
    widen(network, 2, seed=0)
    F.mse_loss(network(torch.rand(1, 3, 6, 6)), torch.rand(1, 3, 6, 6)).backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


def first_step(conv: nn.Conv2d, times: int, seed: int, *, shared: bool = True) -> dict[str, float]:
    """How far Adam's first step moves its wide weight along a gradient of random numbers; a plain one: 1.

    Of all parts together, and of each while the others stay; in float64.
    """
    network = nn.Sequential(copy.deepcopy(conv).double())
    widen(network, times, seed)
    wide: Any = network[0]
    factors: Any = wide.parametrizations.weight
    parts = {"own": factors.original, "narrow": factors[0].narrow, "wide": factors[0].wide}
    before = {name: part.detach().clone() for name, part in parts.items()}
    start = wide.weight.detach().clone()
    gradient = torch.randn(start.shape, generator=torch.Generator().manual_seed(seed), dtype=start.dtype)
    fit(
        Training.start(network, shares_of_rate(network) if shared else {}),
        lambda x: (wide.weight * gradient).sum(), lambda n: (torch.zeros(()), torch.zeros(())),
        Schedule(1e-5, 1, "constant"), lambda n, v: None, loss=lambda y, target: y,
    )  # fmt: skip
    after = {name: part.detach().clone() for name, part in parts.items()}
    moved = {"all": after, **{name: {**before, name: after[name]} for name in parts}}
    steps = {}
    for name, values in moved.items():
        with torch.no_grad():
            for part, value in values.items():
                parts[part].copy_(value)
            along = ((start - wide.weight) * gradient).sum() / (1e-5 * gradient.abs().sum())
        steps[name] = float(along)
    return steps


def mean_step(conv: nn.Conv2d, times: int = 4, *, shared: bool = True) -> dict[str, float]:
    """Of eight draws of the product and of the gradient."""
    draws = [first_step(conv, times, seed, shared=shared) for seed in range(8)]
    return {name: sum(each[name] for each in draws) / len(draws) for name in draws[0]}


LAYERS = [(16, 16, 3, 1), (3, 32, 3, 1), (16, 12, 3, 1), (8, 8, 5, 1), (16, 32, 3, 4)]


@pytest.mark.parametrize(("ins", "outs", "kernel", "groups"), LAYERS)
def test_each_part_of_a_wide_weight_has_its_part_of_the_step(ins, outs, kernel, groups):
    """That of own taps is exact but for Adam's epsilon and the step's own rounding. Those of the product are
    sums over random directions: draws differ by up to 6%, so means of eight by 2%, and a column of O numbers
    is shorter in the mean than its root mean square by 1/(4 O), 3% of 8 outputs."""
    step = mean_step(nn.Conv2d(ins, outs, kernel, groups=groups))
    assert step["own"] == pytest.approx(0.8, rel=1e-3)
    assert step["narrow"] == pytest.approx(0.1, rel=0.08)
    assert step["wide"] == pytest.approx(0.1, rel=0.08)
    assert step["all"] == pytest.approx(1, rel=0.02)
    whole = mean_step(nn.Conv2d(ins, outs, kernel, groups=groups), shared=False)
    assert 2.4 < whole["all"] < 7.2


def test_no_part_has_more_than_the_whole_rate():
    """64 channels to 3 through 9x9 taps, 128 maps: M/(I*K*K) = 128/5184, so that the whole rate makes 0.025
    of a step through the narrow part. The wide part's column of 3 outputs is 8% short, as above."""
    conv = nn.Conv2d(64, 3, 9)
    step = mean_step(conv, times=2)
    assert step["own"] == pytest.approx(0.8, rel=1e-3)
    assert step["narrow"] == pytest.approx(128 / 5184, rel=0.08)
    assert step["wide"] == pytest.approx(0.1, rel=0.12)
    network = nn.Sequential(conv)
    widen(network, 2, seed=0)
    assert sorted(shares_of_rate(network).values())[1:] == [0.8, 1.0]


def test_only_wide_parts_have_a_share():
    network = tiny("quicksrnet")
    assert shares_of_rate(network) == {}
    widen(network, 4, seed=0)
    shares = shares_of_rate(network)
    assert all(0 < share < 1 for share in shares.values())
    assert {id(each) for each in network.parameters()} - {id(each) for each in shares} == {
        id(parameter) for name, parameter in network.named_parameters() if name.endswith("bias")
    }
