"""What hwrts quantize --target makes is what hwrts export --target takes, of every target."""

import numpy as np
import pytest
import torch

from hwrts.config import NetworkConfig, QatConfig
from hwrts.errors import ConfigError
from hwrts.export.clients import check_file
from hwrts.export.targets import TARGETS, check_pictures, target_file, target_of
from hwrts.export.tflite import TFLITE_TARGETS, to_tflite
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.runs.folder import StageFolder
from hwrts.runs.quantise import load_quantised, save_quantised, start_qat
from hwrts.runs.target import trained_for

SIZE = (12, 16)


def quantised(**settings):
    torch.manual_seed(0)
    traced = trace(build_network(NetworkConfig(channels=8)).eval())
    pictures = torch.rand(2, 3, 16, 16)
    return start_qat(traced, QatConfig(steps=0, **settings), lambda step: pictures, Silent())


@pytest.mark.parametrize("name", [*TARGETS, *TFLITE_TARGETS])
def test_a_network_quantised_for_a_target_is_taken_by_it(name):
    if name == "rknn":  # its rules are not known: any network is as good
        with pytest.raises(ConfigError):
            trained_for(name)
        return
    network = quantised(**trained_for(name)).lower()
    if name in TFLITE_TARGETS:
        assert to_tflite(network, SIZE, TFLITE_TARGETS[name].flavour).size == SIZE
        return
    file = target_file(network, target_of(name), SIZE)
    rules = file.target.rules or network.rules
    assert network.rules == rules
    even = check_file(file.for_clients, network, check_pictures(network, SIZE, []))
    assert even["codes_differing"] == 0 < even["codes_compared"]


def test_one_grid_of_weights_is_that_of_the_largest_and_is_kept_in_the_file(tmp_path):
    apart, together = quantised(), quantised(one_weight_grid=True)
    grids = {conv.name: conv.weight_frac.tolist() for conv in apart.lower().convs}
    assert any(len(set(each)) > 1 for each in grids.values())  # or nothing is shown
    found = {conv.name: conv.weight_frac.tolist() for conv in together.lower().convs}
    assert found == {name: [min(each)] * len(each) for name, each in grids.items()}
    stage = StageFolder(tmp_path)
    save_quantised(stage, together)
    for again, conv in zip(load_quantised(stage).lower().convs, together.lower().convs, strict=True):
        assert again.weight_frac.tolist() == conv.weight_frac.tolist()
        assert np.array_equal(again.weight_i8, conv.weight_i8)


def test_vitis_has_one_grid_of_weights_and_tensorrt_one_for_each_channel():
    assert trained_for("vitis")["one_weight_grid"] is True
    assert "one_weight_grid" not in trained_for("tensorrt")
