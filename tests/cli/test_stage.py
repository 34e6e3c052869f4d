"""One rule for the network that a command works with, and each says which one that is."""

import json

import pytest

COMMANDS = {
    "enhance": ("enhance", "photos/photo0.png", "-o", "out.png", "--run", "runs/tiny", "--json"),
    "export": ("export", "runs/tiny", "-o", "out", "--json"),
    "inspect": ("inspect", "runs/tiny", "--json"),
    "cost": ("cost", "runs/tiny", "--json"),
    "sensitivity": ("sensitivity", "runs/tiny", "--bits", "4", "--json"),
}
KEPT = "of runs/tiny, the {} network of the kept stage; another one by --stage"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_same_network_and_says_so(workspace, hwrts, command):
    """export took the x2 network where enhance took the same-size one; inspect and cost found no run."""
    arguments = COMMANDS[command]
    network = {
        stage: json.loads((workspace / f"runs/tiny/stage{stage}/network.json").read_text())
        for stage in ("1", "2", "2-same")
    }
    for option, stage, said in (
        ((), "2-same", KEPT.format("same-size")),
        (("--stage", "2"), "2", "of runs/tiny"),
        (("--stage", "1"), "1", "of runs/tiny"),
    ):
        again = ["--force"] * (bool(option) and command in ("enhance", "export"))
        result = hwrts(*arguments, *option, *again)
        assert result.code == 0, result.err
        assert f"network: stage {stage} {said}" in result.err.splitlines()
        names = [layer["name"] for layer in network[stage]["layers"]]
        if command == "enhance":
            (made,) = json.loads(result.out)
            assert (made["stage"], made["form"]) == (stage, "same-size" if "same" in stage else "x2")
        elif command in ("inspect", "cost"):
            assert json.loads(result.out)["network"] == f"runs/tiny/stage{stage}"
            found = [layer["name"] for layer in json.loads(result.out)["layers"]]
            assert [name for name in found if name in names] == names
        elif command == "export":
            assert json.loads(result.out)["source"] == {"run": "tiny", "stage": stage}
        elif command == "sensitivity":
            assert json.loads(result.out)["stage"] == stage


def test_without_a_same_size_network_it_is_the_x2_one(workspace, hwrts):
    (workspace / "runs/tiny/stage2-same/verify.json").unlink()
    for command in ("inspect", "cost", "enhance"):
        result = hwrts(*COMMANDS[command])
        assert result.code == 0
        assert f"network: stage 2 {KEPT.format('x2')}" in result.err.splitlines()


def test_up_scaling_takes_the_x2_network(workspace, hwrts):
    result = hwrts(*COMMANDS["enhance"], "--x2")
    assert f"network: stage 2 {KEPT.format('x2')}" in result.err.splitlines()


@pytest.mark.parametrize("path", ["runs/tiny/stage1", "runs/tiny/stage1/network.json"])
@pytest.mark.parametrize("command", ["inspect", "cost"])
def test_a_stage_is_one_network(workspace, hwrts, command, path):
    assert hwrts(command, path).err == ""
    refused = hwrts(command, path, "--stage", "2")
    assert refused.code == 2
    assert "--stage 2: is for run folders" in refused.err
