"""A user's module is compared with what was traced of it, before anything is quantised."""

from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from hwrts.config import NetworkConfig
from hwrts.errors import UnsupportedOperatorError
from hwrts.graph import Conv
from hwrts.networks import FixedUpsample
from hwrts.networks.build import build_network
from hwrts.runs.own_check import check_own_module
from hwrts.settings_file import parse_config

from ..graph.test_trace import conv, module


def hooked(hook, pre=False):
    made = nn.Sequential(conv(), conv())
    if pre:
        made[1].register_forward_pre_hook(hook)
    else:
        made[0].register_forward_hook(hook)
    return made


def of_the_whole(hook):
    made = nn.Sequential(conv())
    made.register_forward_hook(hook)
    return made


def forever_in_training(self, x):
    self.n.train()
    return self.n(self.c(x))


def weights_drift(self, x):
    with torch.no_grad():
        self.weight_of_nothing.mul_(0.5)
    return self.c(x)


DIFFERENT = {
    "adds": lambda: hooked(lambda m, x, y: y + 1),
    "clips": lambda: hooked(lambda m, x, y: y.clamp(0, 1)),
    "clips what is read": lambda: hooked(lambda m, x: (x[0].clamp(-1, 1),), pre=True),
    "clips far out alone": lambda: hooked(lambda m, x, y: y.clamp(-1.5, 1.5)),
    "acts on bright pictures": lambda: hooked(lambda m, x, y: y + 1 if x[0].mean() > 0.9 else y),
    "acts on dark pictures": lambda: hooked(lambda m, x, y: y + 1 if x[0].max() == 0 else y),
    "acts on flat pictures": lambda: hooked(lambda m, x, y: 2 * y if x[0].std() == 0 else y),
    "acts on other sizes": lambda: hooked(lambda m, x, y: y + 0.1 if x[0].shape[2] not in (16, 98) else y),
    "acts on pictures larger than most": lambda: hooked(
        lambda m, x, y: y + 0.1 if x[0].shape[3] > 128 else y
    ),
    "acts on batches": lambda: hooked(lambda m, x, y: y - y.mean(0) if len(y) > 1 else y),
    "acts on negative values": lambda: hooked(lambda m, x, y: y + 0.1 * (x[0] < 0)),
    "acts by chance": lambda: hooked(lambda m, x, y: F.dropout(y, 0.5)),
    "of the whole": lambda: of_the_whole(lambda m, x, y: y.clamp(0, 0.9)),
    "in training": lambda: module(forever_in_training, c=conv(), n=nn.BatchNorm2d(3)),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_tracing_does_not_see_is_found(case):
    """One picture of noise in 0..1 could not see a clip or a condition."""
    made = DIFFERENT[case]()
    with pytest.raises(
        UnsupportedOperatorError, match="computes something else than its traced graph"
    ) as caught:
        check_own_module(made)
    assert "\n" not in str(caught.value)


def test_one_that_changes_itself_is_refused_and_put_back():
    made = module(weights_drift, c=conv())
    made.register_buffer("weight_of_nothing", torch.ones(2))
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with pytest.raises(
        UnsupportedOperatorError, match="changes its own 'weight_of_nothing' when it is called"
    ):
        check_own_module(made)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    in_training = DIFFERENT["in training"]()
    with pytest.raises(UnsupportedOperatorError):
        check_own_module(in_training)
    assert not in_training.n.running_mean.any()


def one_picture_alone(self, x):
    return self.c(x).view(1, 3, *x.shape[2:])


def test_a_forward_for_one_picture_alone_is_refused_with_what_to_write():
    """It was said to fail on a picture of some size, which it does not."""
    with pytest.raises(
        UnsupportedOperatorError,
        match=r"fails on 2 pictures at once \(.*\); where its forward has 1 .* write x\.size\(0\)",
    ):
        check_own_module(module(one_picture_alone, c=conv()))


def doubled_in_place(self, x):
    x *= 2
    return self.c(x)


def with_buffer(value):
    made = nn.Sequential(conv())
    made.register_buffer("kept", value)
    return made


@torch.inference_mode()
def in_inference_mode():
    return nn.Sequential(conv())


class Named(nn.Conv2d):
    """A convolution by another name."""


def no_length(self, x):
    return self.c(x) if len(x) else x


EQUAL = {
    "overwrites its picture": lambda: module(doubled_in_place, c=conv()),
    "buffer of NaN": lambda: with_buffer(torch.tensor([1.0, float("nan")])),
    "buffer of uint16": lambda: with_buffer(torch.ones(2, dtype=torch.uint16)),
    "hook that only looks": lambda: hooked(lambda m, x, y: None),
    "old weight norm": lambda: nn.Sequential(nn.utils.weight_norm(conv())),
    "old spectral norm": lambda: nn.Sequential(nn.utils.spectral_norm(conv())),
    "weight norm": lambda: nn.Sequential(parametrizations.weight_norm(conv())),
    "spectral norm": lambda: nn.Sequential(parametrizations.spectral_norm(conv())),
    "subclass of Conv2d": lambda: nn.Sequential(Named(3, 3, 1)),
    "length": lambda: module(no_length, c=conv()),
    "negative output": lambda: nn.Sequential(conv(), nn.PReLU(init=-3.0), conv()),
    "clip at the end": lambda: nn.Sequential(conv(), nn.Hardtanh(0, 1, inplace=True)),
    "picture of 0..255": lambda: module(lambda self, x: 255 * self.c(x), c=conv()),
    "x2": lambda: module(
        lambda self, x: self.u(x) + F.pixel_shuffle(self.c(x), 2), c=conv(3, 12), u=FixedUpsample()
    ),
}


@pytest.mark.parametrize("case", EQUAL)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_what_computes_the_same_is_taken_and_left_as_it_was(case):
    made = EQUAL[case]().train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    assert check_own_module(made).scale == 1 + (case == "x2")
    after = made.state_dict()
    assert all(value.numpy().tobytes() == before[name].numpy().tobytes() for name, value in after.items())


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_a_hook_has_computed_the_weight_that_is_taken():
    """Loading weights leaves the old ones in place until the module is called."""
    made = nn.Sequential(nn.utils.weight_norm(conv()))
    made.load_state_dict({name: 3 * value for name, value in made.state_dict().items()})
    found = next(node for node in check_own_module(made).graph.nodes if isinstance(node, Conv))
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(F.conv2d(x, found.weight, found.bias, padding=1), made(x))


class OwnRelu(FixedUpsample):
    def forward(self, x):
        return 2 * super().forward(x)


def replaced_forward():
    made = nn.Sequential(conv(), nn.ReLU())
    made[1].forward = lambda x: x
    return made


def with_value(value, layer="0", name="weight"):
    made = nn.Sequential(conv(), nn.BatchNorm2d(3), conv())
    with torch.no_grad():
        getattr(made[int(layer)], name).view(-1)[0] = value
    return made


def of_two_states(self, x, state):
    h, c = state
    return self.c(x) + h, (h, c)


REFUSED = {
    "of FixedUpsample": (
        lambda: nn.Sequential(conv(), OwnRelu()),
        ["'1'", "OwnRelu has a forward of its own"]),
    "of an instance": (replaced_forward, ["'1'", "ReLU has a forward of its own"]),
    "nan": (lambda: with_value(float("nan")), ["layer '0'", "weight holds 1 of 81", "NaN or infinite"]),
    "infinite bias": (lambda: with_value(float("inf"), "2", "bias"), ["layer '2'", "bias holds 1 of 3"]),
    "nan variance": (lambda: with_value(float("nan"), "1", "running_var"), ["'0'", "batch norm", "NaN"]),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(3, 1)), ["layer '0'", "weight is lazy"]),
    "meta": (lambda: nn.Sequential(nn.Conv2d(3, 3, 1, device="meta")), ["layer '0'", "meta device"]),
    "sparse": (lambda: with_buffer(torch.eye(2).to_sparse()), ["Sequential: its kept", "sparse_coo"]),
    "of inference": (in_inference_mode, ["layer '0'", "float32", "inference_mode"]),
    "quantised": (
        lambda: with_buffer(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)),
        ["Sequential: its kept", "qint8"]),
    "no forward": (lambda: module(nn.Module.forward, c=conv()), ["Made", "NotImplementedError"]),
    "own error": (
        lambda: module(lambda self, x: 1 / 0, c=conv()),
        ["of test_own_check.py: ZeroDivisionError"]),
    "tuple": (
        lambda: module(lambda self, x: (self.c(x), x), c=conv()),
        ["Made", "returns its input 'x' as it is"]),
    "nothing": (lambda: module(lambda self, x: None, c=conv()), ["Made", "returns a NoneType"]),
    "tables in a tuple": (
        lambda: module(lambda self, x: (self.c(x), {"mask": x}), c=conv()),
        ["Made", "returns a tuple that holds a dict; a module must return"],
    ),
    "x17": (lambda: nn.Sequential(conv(3, 3 * 17**2, 1), nn.PixelShuffle(17)), ["'1'", "block 17", "2..16"]),
    "x1": (lambda: nn.Sequential(conv(), nn.PixelShuffle(1)), ["'1'", "block 1", "2..16"]),
    "x17 repeated": (
        lambda: nn.Sequential(conv(), nn.Upsample(scale_factor=17)),
        ["'1'", "17", "2..16"]),
    "slope": (lambda: nn.Sequential(conv(), nn.LeakyReLU(1e6)), ["'1'", "a slope of 1e+06", "127"]),
    "slopes": (lambda: nn.Sequential(conv(), nn.PReLU(3, -200.0)), ["'1'", "a slope of 200", "127"]),
    "factor": (
        lambda: module(lambda self, x: 1e30 * self.c(x), c=conv()),
        ["'mul'", "1e+30", "2^-24 to 2^24"]),
    "log of the picture": (
        lambda: module(lambda self, x: self.c(torch.log(x)), c=conv()),
        ["own_check.py, 'log': log has no value at 0"]),
    "nested root": (
        lambda: nn.Sequential(OrderedDict(body=nn.Sequential(conv(), Root(), conv()))),
        ["of test_own_check.py, 'sqrt': sqrt has no value at -128"]),
    "a state in a tuple": (
        lambda: module(of_two_states, c=conv()),
        ["its forward takes 2 inputs (x, state)", "each state and map as a tensor of its own"]),
    "a dictionary": (
        lambda: module(lambda self, data: self.c(data["lq"]), c=conv()),
        ["looks its input up by a name", "let it take tensors, forward(x)"]),
    "infinite output": (
        lambda: module(lambda self, x: self.e(self.d(self.c(x))),
                       **{name: with_value(3e38)[0] for name in "cde"}), ["Made"]),
}  # fmt: skip


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor.*are deprecated")
def test_what_cannot_be_quantised_is_refused_in_one_line_with_its_place(case):
    make, words = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        check_own_module(make())
    assert [word for word in words if word not in str(caught.value)] == []
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NetworkConfig.model_fields["name"].annotation.__args__)
def test_our_own_networks_pass(name):
    network = build_network(parse_config({"network": {"name": name}}, "test").network)
    assert check_own_module(network).scale == 2


def padded_to_8(self, x):
    """As windowed networks do, which are other networks near the edges of other pictures."""
    h, w = x.shape[2:]
    x = F.pad(x, (0, -w % 8, 0, -h % 8), "reflect")
    return self.d(F.relu(self.c(x)))[:, :, :h, :w]


def halves_and_doubles(self, x):
    h = F.interpolate(x, size=(2 * x.shape[2], 2 * x.shape[3]))
    return self.c(h)


def by_the_width(self, x):
    return self.c(x) * (x.shape[3] / 32)


def test_sizes_that_a_module_asks_for():
    found = check_own_module(module(padded_to_8, c=conv(), d=conv()))
    assert found.door == "torch.fx, on an example of 96x48 pixels"
    assert [note.partition(":")[0] for note in found.notes] == [
        "compared with the module on pictures whose sides are multiples of 8"
    ]
    found = check_own_module(module(halves_and_doubles, c=conv()))
    assert (found.scale, found.notes) == (2, ())
    with pytest.raises(UnsupportedOperatorError, match="it depends on the size of its picture"):
        check_own_module(module(by_the_width, c=conv()))


def of_frames(self, x):
    """A clip, frame by frame."""
    n, t, c, height, width = x.shape
    y = F.relu(self.c(x.reshape(n * t, c, height, width)))
    return self.d(y).reshape(n, t, c, height, width)


CLIPS = {
    "unpacked": lambda: module(of_frames, c=conv(), d=conv()),
    "frame by frame": lambda: module(lambda s, x: s.c(x[:, 0]) + s.c(x[:, 1]), c=conv()),
    "in depth": lambda: nn.Sequential(nn.Conv3d(3, 3, 3, padding=1)),
}


@pytest.mark.parametrize("case", CLIPS)
def test_clips_of_five_dimensions_say_what_to_do(case):
    with pytest.raises(UnsupportedOperatorError) as caught:
        check_own_module(CLIPS[case]().eval())
    text = str(caught.value)
    assert "takes clips, tensors of five dimensions; give the frames as channels" in text
    assert "Error" not in text


def test_an_overflow_far_out_of_range_is_skipped_and_one_of_pictures_refused():
    """Curves that a network iterates (Zero-DCE) overflow at 3; where pictures are, they must not."""

    def curves(factor: float) -> nn.Module:
        def forward(s, x):
            y = x = s.c(x)
            for _ in range(9):
                y = factor * y * y
            return x + y

        network = module(forward, c=nn.Conv2d(3, 3, 1)).eval()
        with torch.no_grad():
            network.get_parameter("c.weight").copy_(torch.eye(3)[..., None, None])
            network.get_parameter("c.bias").zero_()
        return network

    assert not curves(1)(torch.full((1, 3, 8, 8), 3.0)).isfinite().all()
    check_own_module(curves(1))
    with pytest.raises(UnsupportedOperatorError, match="its own output is NaN or infinite on a picture that"):
        check_own_module(curves(4))
