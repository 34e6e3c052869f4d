import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hwrts.config import NetworkConfig, QatConfig, RunConfig
from hwrts.errors import ConfigError
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.graph.weight_bits import check_settings, conv_names, layer_names, widths_name
from hwrts.networks import Residual
from hwrts.progress import Silent
from hwrts.qat.network import QuantNetwork
from hwrts.runs.folder import RunFolder, StageFolder, create_run
from hwrts.runs.own_check import check_own_module
from hwrts.runs.quantise import load_quantised, save_quantised, start_qat
from hwrts.runs.quantise_own import quantise_own
from hwrts.runs.session import prepare
from hwrts.settings_file import parse_config
from hwrts.training.checkpoint import load_weights, save_weights

BODY = ("conv_in", "conv_0", "conv_out")


def inputs(step):
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(step))


def test_layers_of_both_forms():
    traced = trace(Residual(1, 4).eval())
    assert layer_names(traced) == (*BODY, "conv_ext_x", "conv_ext_r", "fold_x", "fold_r")
    assert conv_names(deploy_form(traced, same_size=True)) == (*BODY, "fold_x", "fold_r")
    vdsr = NetworkConfig(name="vdsr", blocks=1, channels=4)  # has no same-size form
    check_settings(vdsr, QatConfig(layer_weight_bits={"conv_in": 4}))
    with pytest.raises(ConfigError, match=r"no layer 'fold_x' with weights; it has conv_in, "):
        check_settings(vdsr, QatConfig(layer_weight_bits={"fold_x": 4}))


@pytest.mark.parametrize("same_size", [False, True])
def test_one_setting_serves_both_forms(same_size):
    own = {"conv_0": 3, "conv_ext_r": 5, "fold_r": 6}
    qat = QatConfig(weight_bits=7, layer_weight_bits=own)
    traced = trace(Residual(1, 4))
    quantised = start_qat(traced, qat, inputs, Silent(), same_size=same_size)
    tail = {"fold_x": 7, "fold_r": 6} if same_size else {"conv_ext_x": 7, "conv_ext_r": 5}
    expected = {"conv_in": 7, "conv_0": 3, "conv_out": 7, **tail}
    assert {conv.name: conv.weight_bits for conv in quantised.lower().convs} == expected
    with pytest.raises(ConfigError, match=r"no layer 'conv_9' with weights; it has conv_in, .*, fold_r$"):
        start_qat(traced, QatConfig(layer_weight_bits={"conv_9": 4}), inputs, Silent(), same_size=same_size)


def test_widths_come_back_from_the_file(tmp_path, quantise):
    uniform, _ = quantise()
    own = {"conv_0": 3, "conv_ext_x": 2}
    mixed = QuantNetwork(uniform.graph, uniform.formats, 6, layer_weight_bits=own)
    stage = StageFolder(tmp_path)
    save_quantised(stage, mixed)
    again = load_quantised(stage)
    assert (again.weight_bits, again.layer_weight_bits) == (6, own)
    for ours, theirs in zip(mixed.lower().convs, again.lower().convs, strict=True):
        assert ours.weight_bits == theirs.weight_bits
        np.testing.assert_array_equal(ours.weight_i8, theirs.weight_i8)
    save_quantised(stage, uniform)  # a file from before layers had widths of their own
    tensors, notes = load_weights(stage.qat_weights)
    del notes["layer_weight_bits"]
    save_weights(stage.qat_weights, uniform, json.loads(json.dumps(notes)))
    assert tensors
    assert load_quantised(stage).layer_weight_bits == {}


@pytest.mark.parametrize("first", [lambda y, x: y + x, lambda y, x: x + y, lambda y, x: x - y])
def test_a_channel_that_is_added_to_several_is_no_image_residual(first):
    """PlainSR of ECBSR's code on luma: the network has one form."""

    class Luma(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 3, padding=1)

        def forward(self, x):
            return F.pixel_shuffle(first(self.conv(x), x), 2)

    checked = check_own_module(Luma())
    assert layer_names(checked.graph) == ("conv",)
    quantised = start_qat(checked.graph, QatConfig(), lambda step: inputs(step)[:, :1], Silent())
    assert quantised.lower().channels[quantised.graph.output] == 1


def test_a_run_is_refused_before_it_reads_a_photograph(tmp_path):
    document = {"data": {"train": "nowhere"}, "qat": {"layer_weight_bits": {"conv_1": 4}}}
    config = parse_config(document, "test")
    assert isinstance(config, RunConfig)
    run = create_run(tmp_path / "run", config, {}, force=False)
    with pytest.raises(
        ConfigError, match=r"no layer 'conv_1' with weights; it has conv_in, conv_0, conv_out"
    ):
        prepare(run, Silent())


def test_a_module_of_ones_own_has_one_form(tmp_path):
    qat = QatConfig(steps=0, layer_weight_bits={"fold_x": 4})
    run = RunFolder(tmp_path)
    with pytest.raises(ConfigError, match=r"no layer 'fold_x' with weights; it has .*, conv_ext_r$"):
        quantise_own(run, Residual(0, 4), None, qat, Silent())


def test_names_of_variants_tell_all_widths():
    assert widths_name({"a": 8, "b": 8, "c": 8}) == "w8"
    assert widths_name({"a": 8, "b": 2, "c": 8}) == "w828"
    assert widths_name({"a": 2, "b": 8, "c": 8}) == "w288"
