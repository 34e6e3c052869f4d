import numpy as np
import pytest

from hwrts.fixed_point import PIXEL, Add, Conv, DepthToSpace, Format, HwrtsError, Input, Network, Repeat

from .build import S8, U8, anchor_network, conv


def wide(name, source, kernel, channels=(1, 1)):
    return conv(name, source, np.ones((*channels, kernel, kernel)))


def test_formats_channels_and_scales_by_hand():
    network = anchor_network()
    assert network.output == "y"
    assert network.formats == {
        "x": PIXEL,
        "in": U8,
        "hidden": U8,
        "sum": U8,
        "r": S8,
        "ext_x": S8,
        "ext_r": S8,
        "d": S8,
        "shuffled": S8,
        "up": PIXEL,
        "y": PIXEL,
    }
    assert network.channels == {
        "x": 3,
        "in": 8,
        "hidden": 8,
        "sum": 8,
        "r": 3,
        "ext_x": 12,
        "ext_r": 12,
        "d": 12,
        "shuffled": 3,
        "up": 3,
        "y": 3,
    }
    assert {name for name, scale in network.scales.items() if scale == 2} == {"shuffled", "up", "y"}
    assert [layer.name for layer in network.convs] == ["in", "hidden", "r", "ext_x", "ext_r"]


def halo(*layers):
    return Network((Input("x", 1, PIXEL),), layers).halo


def test_halo_by_hand():
    assert halo(wide("a", "x", 1)) == 0
    assert halo(wide("a", "x", 3)) == 1
    assert halo(wide("a", "x", 3), wide("b", "a", 5)) == 3
    assert halo(wide("a", "x", 5), Add("s", ("x", "a"), PIXEL)) == 2  # the longer branch
    assert halo(Repeat("u", "x", 2), wide("a", "u", 3)) == 1  # half an input pixel
    assert halo(Repeat("u", "x", 2), wide("a", "u", 3), wide("b", "a", 3)) == 1  # two halves
    assert halo(Repeat("u", "x", 2), wide("a", "u", 3), wide("b", "a", 5)) == 2  # three halves
    assert (
        halo(Repeat("u", "x", 3), *(wide(f"c{k}", "u" if k == 0 else f"c{k - 1}", 3) for k in range(3))) == 1
    )
    assert anchor_network().halo == 4


def test_layer_by_name():
    network = anchor_network()
    assert network.layer("d") is network.layers[6]
    with pytest.raises(HwrtsError, match="no layer named 'nose'; it has in, hidden, sum"):
        network.layer("nose")


def test_single_layer_networks_keep_formats_and_channels():
    network = anchor_network()
    for layer in network.layers:
        single = network.single(layer.name)
        assert single.layers == (layer,)
        assert [tensor.name for tensor in single.inputs] == list(layer.sources)
        for tensor in single.inputs:
            assert (tensor.channels, tensor.out) == (
                network.channels[tensor.name],
                network.formats[tensor.name],
            )
        assert single.rounding is network.rounding


def test_single_of_an_addition_to_itself_has_one_input():
    network = Network((Input("x", 1, PIXEL),), (Add("s", ("x", "x"), PIXEL),))
    assert [tensor.name for tensor in network.single("s").inputs] == ["x"]


def test_a_layer_owns_its_integers():
    """An array shared with a training framework must not change a network after its proof."""
    weight = np.ones((1, 1, 1, 1), np.int8)
    layer = Conv("c", "x", weight, np.zeros(1, np.int32), np.zeros(1, np.int32), PIXEL)
    weight[...] = 99
    assert layer.weight_i8.item() == 1
    with pytest.raises(ValueError, match="read-only"):
        layer.weight_i8[...] = 99


def test_sources_of_every_operator():
    assert conv("c", "x", [[[[1]]]]).sources == ("x",)
    assert DepthToSpace("d", "x", 2).sources == ("x",)
    assert Repeat("u", "x", 2).sources == ("x",)
    assert Add("s", ("x", "y"), Format(True, 8, 8)).sources == ("x", "y")
