"""Maxima over channels and over the picture: spellings, and from a module to a verified file."""

import json
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.errors import UnsupportedOperatorError
from hwrts.fixed_point import Format, HwrtsError, Input, Maximum, Network, Over, Rounding, run, stream
from hwrts.graph import Maximum as MaximumNode
from hwrts.graph import run_graph
from hwrts.graph.deploy import deploy_form
from hwrts.graph.note import note_graph, noted_graph
from hwrts.graph.trace import trace
from hwrts.runs.own_check import check_own_module

from ..qat.test_qat import assert_integers_equal_values
from .test_operators import quantise, train, verified
from .test_trace import conv, module

SPELLED: dict[str, list[Any]] = {
    "channels": [
        lambda h: torch.max(h, 1, keepdim=True)[0],
        lambda h: torch.max(h, dim=1, keepdim=True).values,
        lambda h: h.max(1, True)[0],
        lambda h: h.max(dim=-3)[0].unsqueeze(1),
        lambda h: torch.max(h, 1)[0].unsqueeze(1),
        lambda h: h.amax(1, keepdim=True),
        lambda h: torch.amax(h, dim=1).unsqueeze(1),
    ],
    "picture": [
        nn.AdaptiveMaxPool2d(1),
        nn.AdaptiveMaxPool2d((1, 1)),
        lambda h: F.adaptive_max_pool2d(h, 1),
        lambda h: h.amax((2, 3), keepdim=True),
        lambda h: torch.amax(h, dim=[-1, -2], keepdim=True),
        lambda h: F.max_pool2d(h, h.shape[2:]),
        lambda h: F.max_pool2d(h, (h.size(2), h.size(3)), stride=(h.size(2), h.size(3))),
    ],
}


@pytest.mark.parametrize(
    ("over", "spelled"), [(over, each) for over, several in SPELLED.items() for each in several]
)
def test_spellings_are_the_module(over, spelled):
    network = module(lambda s, x: (lambda h: h * s.f(h))(s.c(x)), c=conv()).eval()
    network.f = spelled
    graph, x = trace(network), torch.randn(2, 3, 6, 7)
    assert [each.over for each in graph.of(MaximumNode)] == [over]
    assert torch.equal(run_graph(graph, x)[graph.output], network(x))


class Attention(nn.Module):
    """CBAM: channels weighed by mean and maximum of the picture, then pixels by those of the channels."""

    def __init__(self, channels=8):
        super().__init__()
        self.avg_pool, self.max_pool = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.fc = nn.Sequential(
            nn.Conv2d(channels, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, channels, 1, bias=False)
        )
        self.spatial = conv(2, 1, 7)

    def forward(self, x):
        x = torch.sigmoid(self.fc(self.avg_pool(x)) + self.fc(self.max_pool(x))) * x
        largest = torch.max(x, dim=1, keepdim=True)[0]
        return torch.sigmoid(self.spatial(torch.cat([largest, x[:, :1]], 1))) * x


class Attended(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.attention, self.last = conv(3, 8), Attention(), conv(8, 12)

    def forward(self, x):
        h = self.last(self.attention(F.gelu(self.first(x))))
        return F.interpolate(x, scale_factor=2) + F.pixel_shuffle(h, 2)


@pytest.mark.usually(rounding=Rounding.HALF_UP)
@pytest.mark.parametrize("rounding", Rounding)
def test_from_a_module_to_a_verified_file(picture, rounding, tmp_path):
    quantised = quantise(Attended(), rounding=rounding)
    train(quantised)
    network, verdict = verified(quantised, tmp_path, picture(15, 14))
    names = [each.name for each in quantised.graph.of(MaximumNode)]
    assert len(names) == verdict.facts["census"]["ReduceMax"] == 2
    controls = {control["name"]: control["caught"] for control in verdict.controls}
    assert [controls[f"deliberate error in {name}"] for name in names] == [True, True]
    assert not network.streamable


@pytest.mark.parametrize("activation_bits", [8, 5, 2])
def test_integers_equal_fake_quantised_values(picture, activation_bits):
    assert_integers_equal_values(quantise(Attended(), activation_bits=activation_bits), picture(9, 12))


@pytest.mark.parametrize("source", [Format(True, 8, 5), Format(False, 8, 8), Format(True, 3, 0)], ids=str)
def test_row_by_row_and_by_hand(source):
    x = np.array([[[source.min, 0], [1, source.max]], [[0, 0], [2, 1]]]).astype(source.dtype)
    channels = Network((Input("x", 2, source),), (Maximum("y", "x", Over.CHANNELS),))
    assert run(channels, x)[..., 0].tolist() == [[0, source.max], [0, 2]]
    assert np.array_equal(np.stack(list(stream(channels, x))), run(channels, x, "int64"))
    picture = Network((Input("x", 2, source),), (Maximum("y", "x", Over.PICTURE),))
    assert run(picture, x).tolist() == [[[2, source.max]]]
    with pytest.raises(HwrtsError, match="'y' is made of the whole picture"):
        next(stream(picture, x))


def test_over_channels_is_a_stream():
    network = module(lambda s, x: s.c(x) * s.c(x).amax(1, keepdim=True), c=conv())
    check_own_module(network)
    assert quantise(network).eval().lower().streamable


def test_the_note_holds_it():
    graph = deploy_form(trace(Attended().eval()))
    assert noted_graph(json.loads(json.dumps(note_graph(graph)))).of(MaximumNode) == graph.of(MaximumNode)


REFUSED = {
    "rows and channels": (
        lambda s, x: s.c(x).amax((1, 2), keepdim=True),
        ["over dimension (1, 2)"],
    ),
    "pool to 7": (lambda s, x: F.adaptive_max_pool2d(s.c(x), 7), ["pools to 7"]),
    "all": (lambda s, x: x * s.c(x).max(), ["'max'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_maxima_are_refused_with_their_place(case):
    forward, named = REFUSED[case]
    with pytest.raises(UnsupportedOperatorError) as caught:
        trace(module(forward, c=conv()))
    assert [text for text in named if text not in str(caught.value)] == []
    assert "\n" not in str(caught.value)
