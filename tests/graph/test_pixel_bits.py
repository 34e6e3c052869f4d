"""Pictures of 10 and 12 bits: what reads them whole, what reads them rounded."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.errors import UnsupportedOperatorError
from hwrts.export import census, to_onnx
from hwrts.export.runtime import float_islands
from hwrts.export.verify import verify
from hwrts.fixed_point import LineRun, Network, Scale, pixel_format, plan_lines, run
from hwrts.graph import Add, Conv, Graph, Input, Repeat
from hwrts.graph.deploy import deploy_form
from hwrts.graph.pixel_bits import with_pixel_bits
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import SILENT
from hwrts.qat.witness import TorchWitness
from hwrts.runs.quantise import start_qat


def traced(name="residual", **settings):
    torch.manual_seed(1)
    return trace(build_network(NetworkConfig(name=name, **settings)).eval())


def quantised(bits, same_size=False, rounding="half_even", noise=0.02, **settings):
    """Calibrated on noise; the network of a start has no correction, so weights are moved a little."""
    graph = traced(**settings)
    for conv in graph.of(Conv):
        conv.weight.data += noise * torch.randn(conv.weight.shape)

    def inputs(step):
        values = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(step))
        return (values * 2**bits).floor() / 2**bits

    qat = QatConfig(pixel_bits=bits, rounding=rounding)
    return start_qat(graph, qat, inputs, SILENT, same_size=same_size)


def picture(bits, height=23, width=25):
    return np.random.default_rng(bits).integers(0, 1 << bits, (height, width, 3)).astype(np.uint16)


def test_8_bits_change_nothing():
    graph = deploy_form(traced(channels=4))
    assert with_pixel_bits(graph, 8) is graph


@pytest.mark.parametrize("same_size", [False, True])
def test_the_last_sum_alone_reads_the_whole_picture(same_size):
    graph = with_pixel_bits(deploy_form(traced(channels=4), same_size=same_size), 10)
    x, last = graph.input, graph.node(graph.output)
    whole = {node.name for node in graph.readers(x.name)}
    assert whole == {"x_rounded", last.name if same_size else "repeat"}
    assert all(node.sources[0] != x.name for node in graph.of(Conv))
    ends = graph.picture_formats(graph.pixel_ends())
    assert ends[x.name] == ends[last.name] == pixel_format(10)
    assert ends["x_rounded"] == pixel_format(8)


def test_what_has_no_picture_in_its_last_sum_is_rounded_alone():
    graph = with_pixel_bits(deploy_form(traced("espcn", channels=4)), 12)
    assert [node.name for node in graph.readers(graph.input.name)] == ["x_rounded"]


def test_a_body_that_reads_what_the_last_sum_is_made_of_is_refused():
    graph = deploy_form(traced(channels=4))
    conv = graph.node("conv_in")
    x, up = graph.input, Repeat("up", (graph.input.name,), 2)
    read = conv.reading({x.name: "up"})
    bad = Graph((Input(x.name, 3), up, read, Add("sum", ("up", "up"))))
    with pytest.raises(UnsupportedOperatorError) as caught:
        with_pixel_bits(bad, 10)
    said = "reads the enlarged picture of 10 bits, of which the last sum alone can; use --pixel-bits 8"
    assert str(caught.value) == f"'conv_in': {said}"


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("same_size", [False, True])
def test_every_witness_computes_the_same_codes(bits, same_size):
    module = quantised(bits, same_size, channels=4, rounding="half_even" if bits == 10 else "half_up")
    network = module.lower()
    ends = {network.formats[name] for name in (network.inputs[0].name, network.output)}
    assert ends == {pixel_format(bits)}
    moved = {network.inputs[0].name, "repeat", network.output}
    assert max(out.bits for name, out in network.formats.items() if name not in moved) == 8
    model = to_onnx(network).SerializeToString()
    verdict = verify(network, model, {"photo": picture(bits)}, [TorchWitness(module, network)])
    assert verdict.passed, verdict
    assert float_islands(network, census(model)) == []


def test_other_networks_make_more_bits_by_their_last_convolution():
    module = quantised(10, name="espcn", channels=4)
    network = module.lower()
    verdict = verify(network, to_onnx(network).SerializeToString(), {"photo": picture(10)})
    assert verdict.passed, verdict


def test_a_ramp_of_10_bits_stays_one_where_the_correction_is_0():
    """A network that keeps flat areas corrects nothing of one code a pixel that the body cannot see."""
    network = quantised(10, same_size=True, channels=4).lower()
    flat = np.full((9, 9, 3), 517, np.uint16)
    np.testing.assert_array_equal(run(network, flat), flat)
    zero = Network(
        network.inputs,
        tuple(_idle(layer) if layer.name.startswith("fold") else layer for layer in network.layers),
    )
    ramp = np.repeat(np.arange(1024, dtype=np.uint16).reshape(32, 32, 1), 3, axis=2)
    np.testing.assert_array_equal(run(zero, ramp), ramp)


def _idle(layer):
    return replace(layer, weight_i8=layer.weight_i8 * 0, bias_i32=layer.bias_i32 * 0)


def test_line_memory_counts_the_bits_that_there_are():
    network, narrow = (quantised(bits, channels=4).lower() for bits in (10, 8))
    lines, engine = plan_lines(network.steps), LineRun(network)
    for row in picture(10, 40, 8):
        engine.push(row)
    assert engine.peak_bits == lines.bits(8)
    wide, usual = (sum(plan_lines(each.steps).bits(8).values()) for each in (network, narrow))
    assert usual < wide
    rounded = network.layers[0]
    assert isinstance(rounded, Scale)
    assert (rounded.multiplier, rounded.frac) == (1, 0)
