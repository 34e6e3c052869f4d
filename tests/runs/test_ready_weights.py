"""Weights in every wrapping that checkpoints of the field have."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from hwrts.errors import ConfigError
from hwrts.runs.ready_weights import put_weights


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))


def prefixed(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


class Trainer:
    """What a pickle holds that only its own code can read."""


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda state: state, ""),
        (lambda state: prefixed(state, "module."), "names without 'module.'"),
        (lambda state: prefixed(state, "_orig_mod."), ""),
        (lambda state: prefixed(state, "model.generator."), "names without 'model.generator.'"),
        (lambda state: {"params": state}, "its 'params'"),
        (lambda state: {"params_ema": state, "iteration": 5}, "its 'params_ema'"),
        (lambda state: {"state_dict": prefixed(state, "module."), "epoch": 3, "optimizer": {"state": {}}},
         "its 'state_dict', names without 'module.'"),
        (lambda state: {"gen": {"params": state}}, "its 'gen.params'"),
        (lambda state: {"disc": {"0.weight": torch.zeros(1)}, "gen": state}, "its 'gen'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("old", [False, True])
def test_a_state_dict_is_found(tmp_path, wrap, said, old):
    trained, fresh = network(), network()
    torch.save(wrap(trained.state_dict()), tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    assert put_weights(fresh, tmp_path / "w.pth") == said
    assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in trained.state_dict().items())


def test_averaged_weights_are_taken_and_that_is_said(tmp_path):
    plain, averaged, fresh = network(), network(), network()
    torch.save({"params": plain.state_dict(), "params_ema": averaged.state_dict()}, tmp_path / "w.pth")
    assert put_weights(fresh, tmp_path / "w.pth") == "its 'params_ema' (not 'params')"
    assert torch.equal(fresh[0].weight, averaged[0].weight)


def test_safetensors_too(tmp_path):
    trained, fresh = network(), network()
    save_file(prefixed(trained.state_dict(), "netG."), tmp_path / "w.safetensors")
    assert put_weights(fresh, tmp_path / "w.safetensors") == "names without 'netG.'"
    assert torch.equal(fresh[0].weight, trained[0].weight)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: torch.save(Trainer(), path), "objects that only their own code could read"),
        (lambda path: torch.save({"a": Trainer(), **network().state_dict()}, path), "only their own code"),
        (lambda path: path.write_bytes(b"PK\x03\x04 no archive"), "cannot be read as a file of torch.save"),
        (lambda path: path.write_bytes(b"\x80\x02cut"), "cannot be read|only their own code"),
        (lambda path: path.write_bytes(b"text"), "cannot be read as safetensors"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: torch.save([torch.zeros(1)], path), "no state dict is in it"),
        (lambda path: torch.save({"params": {"0.weight": torch.zeros(1)}}, path),
         r"'params' in it does not fit the module: 0.bias is missing; .* and \d+ more"),
    ],
)  # fmt: skip
def test_what_is_no_state_dict_is_one_clear_error(tmp_path, make, words):
    make(tmp_path / "w.pth")
    module = network()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ConfigError, match=words) as error:
        put_weights(module, tmp_path / "w.pth")
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in before.items())


def test_a_safetensors_file_that_begins_as_a_pickle_does(tmp_path):
    """Its first byte is the low one of the header's length: 0x80 for one header in 256."""
    trained, fresh = network(), network()
    for length in range(400):
        save_file(trained.state_dict(), tmp_path / "w.safetensors", {"note": "x" * length})
        if (tmp_path / "w.safetensors").read_bytes()[0] == 0x80:
            break
    assert (tmp_path / "w.safetensors").read_bytes()[0] == 0x80
    assert put_weights(fresh, tmp_path / "w.safetensors") == ""
