import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from hwrts.errors import RunFolderError
from hwrts.files.atomic import write_atomic
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.networks import Residual
from hwrts.qat.calibrate import calibrate
from hwrts.qat.network import QuantNetwork
from hwrts.training.checkpoint import (
    load_training,
    load_weights,
    preserve_layout,
    save_training,
    save_weights,
)
from hwrts.training.fit import Schedule, Training, fit

STEPS = 12


def float_model(channels: int = 8) -> nn.Module:
    torch.manual_seed(1)
    return preserve_layout(Residual(1, channels))


def quantised_model(channels: int = 8) -> nn.Module:
    graph = deploy_form(trace(float_model(channels)))
    return QuantNetwork(
        graph, calibrate(graph, [torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))])
    )


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    x = torch.rand(2, 3, 10, 10, generator=generator).to(memory_format=torch.channels_last)
    return x, torch.rand(2, 3, 20, 20, generator=generator)


def run_to(training: Training, end: int) -> None:
    """Train to a step of the schedule and no further, as a kill would leave it."""

    def after_step(done: int, loss: float) -> None:
        if done == end:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(training, training.model, batches, Schedule(5e-3, STEPS), after_step)


@pytest.mark.parametrize("build", [float_model, quantised_model])
@pytest.mark.parametrize("stop", [1, 2, 7, 11])
def test_resuming_gives_identical_bits(build: Callable[[], nn.Module], stop: int, tmp_path: Path):
    straight = Training.start(build())
    run_to(straight, STEPS)
    first = Training.start(build())
    run_to(first, stop)
    save_training(tmp_path / "state", first, {"stage": "1"})
    second = Training.start(build())
    with torch.no_grad():  # nothing of the fresh object may survive
        for parameter in second.model.parameters():
            parameter.fill_(9)
    load_training(tmp_path / "state", second)
    assert second.step == stop
    run_to(second, STEPS)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    for ours, theirs in zip(straight.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(
            straight.optimizer.state[ours]["exp_avg_sq"], second.optimizer.state[theirs]["exp_avg_sq"]
        )
    assert load_weights(tmp_path / "state")[1] == {"stage": "1", "step": stop}


def test_weights_come_back_with_their_note(tmp_path):
    model = float_model()
    save_weights(tmp_path / "w", model, {"stage": 3, "text": "Ünïcode"})
    tensors, notes = load_weights(tmp_path / "w")
    assert notes == {"stage": 3, "text": "Ünïcode"}
    assert set(tensors) == set(model.state_dict())
    assert all(torch.equal(value, tensors[name]) for name, value in model.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_a_file_that_is_replaced_while_it_is_read_is_one_of_the_two(tmp_path):
    """The header was read of one file and the tensors of the other: codes differed without a reason."""
    kinds = []
    for value in range(2):
        model = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)
        save_weights(tmp_path / str(value), model, {"value": value})
        kinds.append((tmp_path / str(value)).read_bytes())
    path, stop = tmp_path / "w", threading.Event()
    write_atomic(path, kinds[0])

    def replace() -> None:
        while not stop.is_set():
            for kind in kinds:
                (tmp_path / "new").write_bytes(kind)
                (tmp_path / "new").replace(path)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(3000):
            tensors, notes = load_weights(path)
            assert {float(tensor.unique()) for tensor in tensors.values()} == {notes["value"]}
    finally:
        stop.set()
        writer.join()


def test_equal_weights_give_equal_bytes(tmp_path):
    for name in "ab":
        save_weights(tmp_path / name, float_model(), {"stage": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "noise": lambda path: path.write_bytes(b"\xff" * 4096),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another program's": lambda path: path.write_bytes(
        __import__("safetensors.torch").torch.save({"x": torch.ones(1)})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(damage, tmp_path):
    path = tmp_path / "w"
    training = Training.start(float_model())
    run_to(training, 1)
    save_training(path, training, {})
    DAMAGES[damage](path)
    with pytest.raises(RunFolderError, match=r"missing or damaged weights .*; delete its stage folder"):
        load_weights(path)
    with pytest.raises(RunFolderError, match="missing or damaged"):
        load_training(path, training)


@pytest.mark.parametrize(
    "other", [lambda: float_model(7), lambda: preserve_layout(Residual(2, 8)), quantised_model]
)
def test_state_of_another_network_is_refused(other, tmp_path):
    training = Training.start(float_model())
    run_to(training, 1)
    save_training(tmp_path / "state", training, {})
    with pytest.raises(RunFolderError, match="is of another network"):
        load_training(tmp_path / "state", Training.start(other()))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        RunFolderError, match=r"disk full, 3 bytes are needed and .* are free; free some space"
    ):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(RunFolderError, match="no does not exist"):
        write_atomic(tmp_path / "no" / "file", b"")
    (tmp_path / "plain").write_text("")
    with pytest.raises(RunFolderError, match="plain does not exist"):
        write_atomic(tmp_path / "plain" / "file", b"")


def test_layout_changes_no_value():
    model = Residual(1, 4).eval()
    x = torch.rand(1, 3, 6, 6)
    expected = model(x)
    weight = preserve_layout(model).get_parameter("conv.0.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    # 1e-6: the same products, summed in another order by another kernel
    torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-6)
