"""Runs that are trained wide or towards a teacher: interrupted, resumed, and refused in one line."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hwrts.config import RunConfig
from hwrts.errors import ConfigError, HwrtsError, RunFolderError
from hwrts.graph.trace import trace
from hwrts.networks.build import build_network
from hwrts.progress import Silent
from hwrts.report.stages import read_stages
from hwrts.report.summary import facts
from hwrts.runs import pipeline, resumable
from hwrts.runs.folder import RunFolder, create_run, open_run, write_json
from hwrts.runs.pipeline import train_stages
from hwrts.runs.session import open_session
from hwrts.settings_file import parse_config
from hwrts.training.checkpoint import load_weights, save_training
from hwrts.training.fit import Training

from .tiny import TINY, Lines, photographs, start


def made(root: Path, data: Path, **changes: Any) -> RunFolder:
    """A run that is not trained; ``changes`` of its tables."""
    document = {**TINY, "data": {**TINY["data"], "train": str(data)}}
    for table, values in changes.items():
        document[table] = {**document.get(table, {}), **values}
    return create_run(root, parse_config(document, "test"), {}, force=False)


def trained(run: RunFolder, progress: Silent | None = None) -> RunFolder:
    """Its float stages."""
    train_stages(open_session(run, progress or Silent()))
    return run


def weights(run: RunFolder, number: int) -> bytes:
    return run.stage(number).float_weights.read_bytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return photographs(tmp_path_factory.mktemp("taught") / "photos")


@pytest.fixture(scope="module")
def teacher(data) -> RunFolder:
    torch.set_num_threads(1)
    return trained(made(data.parent / "teacher", data, network={"blocks": 2, "channels": 6}))


@pytest.fixture
def own_teacher(teacher, tmp_path) -> RunFolder:
    """A copy that may be damaged."""
    return RunFolder(shutil.copytree(teacher.root, tmp_path / "teacher"))


def interrupted(
    run: RunFolder, step: int, stage: str, monkeypatch: pytest.MonkeyPatch, save: Any = save_training
) -> None:
    """Train a run until a step of a stage is saved."""

    def saved(path, training, notes):
        save(path, training, notes)
        if (training.step, notes["stage"]) == (step, stage):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(resumable, "CHECKPOINT_SECONDS", 0.0)
        patched.setattr(resumable, "save_training", saved)
        with pytest.raises(KeyboardInterrupt):
            trained(run)


@pytest.mark.parametrize("stage", ["1", "2"])
def test_a_wide_run_goes_on_where_it_was_interrupted(stage, data, tmp_path, monkeypatch):
    """The checkpoint is wide, the files of a finished stage are those of the network that is deployed."""
    torch.set_num_threads(1)
    wide = {"expand": 3}
    straight = trained(made(tmp_path / "straight", data, network=wide))
    broken = made(tmp_path / "broken", data, network=wide)
    interrupted(broken, 3, stage, monkeypatch)
    names = {
        name.removeprefix("model.") for name in load_weights(broken.state)[0] if name.startswith("model.")
    }
    assert "conv.0.parametrizations.weight.0.wide" in names
    torch.manual_seed(99)  # another process draws other numbers
    trained(open_run(broken.root))
    assert not broken.state.is_file()
    plain = set(build_network(broken.config.network).state_dict())
    for number in (1, 2):
        assert weights(broken, number) == weights(straight, number)
        assert set(load_weights(broken.stage(number).float_weights)[0]) == plain


def by_whole_rates(path: Path, training: Training, notes: dict[str, Any]) -> None:
    """A checkpoint as a version before shares of the rate wrote it."""
    save_training(path, training, {key: value for key, value in notes.items() if key != "shares"})


@pytest.mark.parametrize(("expand", "noted"), [(3, False), (3, True), (1, False)])
def test_a_wide_training_goes_on_only_with_the_shares_that_it_began_with(
    expand, noted, data, tmp_path, monkeypatch
):
    """A version before had none: moments and weights of its training are of other steps. A plain training
    has none now either."""
    torch.set_num_threads(1)
    wide: dict[str, Any] = {"network": {"expand": expand}, "rts": {"stages": 1}}
    straight, broken = made(tmp_path / "straight", data, **wide), made(tmp_path / "broken", data, **wide)
    with monkeypatch.context() as older:
        if not noted:
            older.setattr(pipeline, "shares_of_rate", lambda model: {})
        save = save_training if noted else by_whole_rates
        interrupted(broken, 3, "1", older, save)
    assert ("shares" in load_weights(broken.state)[1]) == noted
    lines = Lines()
    trained(broken, lines)
    trained(straight)
    (said,) = [line for line in lines.said if line.startswith("stage 1 float:")]
    if expand > 1 and not noted:
        assert said == (
            "stage 1 float: the checkpoint of step 3 is of other shares of the rate than those of now; "
            "the training begins again"
        )
    else:
        assert said == "stage 1 float: continuing after step 3"
    assert weights(broken, 1) == weights(straight, 1)
    assert list(broken.metrics()) == list(straight.metrics())


def test_wide_is_another_training_of_the_same_network(data, tmp_path):
    torch.set_num_threads(1)
    one: dict[str, Any] = {"stages": 1}
    plain, wide, again, other = (
        trained(made(tmp_path / str(n), data, network={"expand": expand}, rts=one))
        for n, expand in enumerate((1, 2, 2, 4))
    )
    assert weights(wide, 1) == weights(again, 1)
    assert len({weights(run, 1) for run in (plain, wide, other)}) == 3
    assert [node.name for node in trace(build_network(wide.config.network).eval()).nodes] == [
        node.name for node in trace(build_network(plain.config.network).eval()).nodes
    ]


def test_parts_of_a_wide_weight_have_shares_of_the_rate(data, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    wide: dict[str, Any] = {"network": {"expand": 2}, "rts": {"stages": 1}}
    shared = trained(made(tmp_path / "shared", data, **wide))
    monkeypatch.setattr(pipeline, "shares_of_rate", lambda model: {})
    assert weights(trained(made(tmp_path / "whole", data, **wide)), 1) != weights(shared, 1)


@pytest.mark.usefixtures("small_verdict")
def test_a_wide_and_taught_run_is_quantised_and_proved(teacher, data, tmp_path):
    one = {**TINY["rts"], "stages": 1, "teacher": str(teacher.root)}
    lines = Lines()
    run = start(tmp_path / "run", data, lines, network={**TINY["network"], "expand": 2}, rts=one)
    assert [line for line in lines.said if "PASSED, 0 of" in line]
    said = dict(facts(run, read_stages(run)[0]))["Network"]
    assert f"trained 2 times as wide, taught by {teacher.root}; " in said
    assert set(load_weights(run.stage(1).float_weights)[0]) == set(
        build_network(run.config.network).state_dict()
    )


def test_what_a_teacher_says_counts_and_who_it_is_is_kept(teacher, data, tmp_path):
    torch.set_num_threads(1)
    one: dict[str, Any] = {"stages": 1}
    alone = trained(made(tmp_path / "alone", data, rts=one))
    deaf = trained(
        made(tmp_path / "deaf", data, rts={**one, "teacher": str(teacher.root), "teacher_share": 0.0})
    )
    taught = trained(made(tmp_path / "taught", data, rts={**one, "teacher": str(teacher.root)}))
    assert weights(alone, 1) == weights(deaf, 1) != weights(taught, 1)
    assert "teacher" not in alone.notes()
    assert "teacher" not in deaf.notes()
    known = taught.notes()["teacher"]
    assert known["path"] == str(teacher.root)
    assert list(known["sha256"]) == ["1"]


def test_each_stage_has_its_teacher(teacher, data, tmp_path):
    """Of stage 2 it is the teacher's second network."""
    torch.set_num_threads(1)
    run = trained(made(tmp_path / "run", data, rts={"teacher": str(teacher.root)}))
    assert list(run.notes()["teacher"]["sha256"]) == ["1", "2"]
    crossed = RunFolder(shutil.copytree(teacher.root, tmp_path / "crossed"))
    shutil.copy(teacher.stage(1).float_weights, crossed.stage(2).float_weights)
    other = trained(made(tmp_path / "other", data, rts={"teacher": str(crossed.root)}))
    assert weights(run, 1) == weights(other, 1)
    assert weights(run, 2) != weights(other, 2)


def test_an_interrupted_run_goes_on_with_its_teacher_from_anywhere(teacher, data, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    taught = {"stages": 1, "teacher": str(teacher.root)}
    straight = trained(made(tmp_path / "straight", data, rts=taught))
    monkeypatch.chdir(teacher.root.parent)
    broken = made(tmp_path / "broken", data, rts={**taught, "teacher": teacher.root.name})
    interrupted(broken, 3, "1", monkeypatch)
    monkeypatch.chdir(tmp_path)
    trained(open_run(broken.root))
    assert weights(broken, 1) == weights(straight, 1)


def test_a_teacher_that_changed_is_seen_and_one_that_is_not_needed_any_more_is_not_looked_for(
    own_teacher, data, tmp_path, monkeypatch
):
    torch.set_num_threads(1)
    run = made(tmp_path / "run", data, rts={"teacher": str(own_teacher.root)})
    interrupted(run, 3, "1", monkeypatch)
    weights_of_2 = own_teacher.stage(2).float_weights.read_bytes()
    shutil.copy(own_teacher.stage(1).float_weights, own_teacher.stage(2).float_weights)
    with pytest.raises(
        RunFolderError, match="its weights of stage 2 are others than this run began with; put"
    ):
        open_session(run, Silent())
    own_teacher.stage(2).float_weights.write_bytes(weights_of_2)
    trained(run)
    shutil.rmtree(own_teacher.root)
    open_session(run, Silent())  # both stages are trained


def _no_run(teacher: RunFolder) -> None:
    shutil.rmtree(teacher.root)


def _other_folder(teacher: RunFolder) -> None:
    (teacher.root / "run.json").unlink()


def _own_module(teacher: RunFolder) -> None:
    (teacher.root / "config.toml").unlink()


def _no_stage(teacher: RunFolder) -> None:
    shutil.rmtree(teacher.root / "stage2")


def _pruned(teacher: RunFolder) -> None:
    how = {"run": "runs/whole", "stage": 2, "steps": 1, "importance": "gradient", "rounds": 1}
    teacher.update_notes(pruned=how)
    shutil.rmtree(teacher.root / "stage1")


def _cut(teacher: RunFolder) -> None:
    path = teacher.stage(2).float_weights
    path.write_bytes(path.read_bytes()[:-40])


def _flipped(teacher: RunFolder) -> None:
    path = teacher.stage(1).float_weights
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def _other_network(teacher: RunFolder) -> None:
    path = teacher.root / "config.toml"
    path.write_text(path.read_text().replace("channels = 6", "channels = 7"))


def _luma(teacher: RunFolder) -> None:
    path = teacher.root / "config.toml"
    text = (
        path.read_text()
        .replace('colour = "rgb"', 'colour = "luma"')
        .replace('keeps = "grey"', 'keeps = "flat"')
    )
    path.write_text(text)


def _ten_bits(teacher: RunFolder) -> None:
    path = teacher.root / "config.toml"
    path.write_text(path.read_text().replace("pixel_bits = 8", "pixel_bits = 10"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_no_run, r"teacher .*teacher: is not a run folder \(no run\.json\); hwrts run makes one"),
        (_other_folder, r"teacher .*teacher: is not a run folder"),
        (_own_module, r"is of a module of one's own; take a run that hwrts run trained"),
        (_no_stage, r"has no float network of stage 2; train it as far, or ask for fewer stages"),
        (
            _pruned,
            r"teacher .*teacher: was pruned at stage 2 and has none before; stage 1 is that of runs/whole",
        ),
        (_cut, r"teacher .*stage2/float\.safetensors: missing or damaged weights"),
        (
            _flipped,
            r"teacher .*stage1/float\.safetensors: missing or damaged weights \(its bytes do not match",
        ),
        (_other_network, r"teacher .*float\.safetensors: is of another network"),
        (
            _luma,
            r"sees luma \(BT\.709, limited range\) of 8 bits, the network to train red, green and blue of 8",
        ),
        (
            _ten_bits,
            r"sees red, green and blue of 10 bits, .* take a teacher of the same colours and pixel bits",
        ),
    ],
)
def test_a_wrong_teacher_is_refused_before_anything_is_read(damage, message, own_teacher, data, tmp_path):
    run = made(tmp_path / "run", data, rts={"teacher": str(own_teacher.root)})
    damage(own_teacher)
    with pytest.raises(HwrtsError, match=message) as caught:
        open_session(run, Silent())
    assert "\n" not in str(caught.value)
    assert not (run.root / "data").exists()
    assert not (own_teacher.root / "stage3").exists()


def test_a_teacher_and_an_unknown_number_of_stages():
    with pytest.raises(ConfigError, match="how many stages it needs is not known; give a number"):
        parse_config({"rts": {"teacher": "runs/x", "stages": "auto"}}, "test")
    parse_config({"rts": {"teacher": "runs/x", "teacher_share": 0.0, "stages": "auto"}}, "test")


def test_a_teacher_of_other_low_resolution_pictures_is_said(own_teacher, data, tmp_path):
    lines = Lines()
    run = made(tmp_path / "run", data, rts={"teacher": str(own_teacher.root)}, degradation={"kernel": "box"})
    open_session(run, lines)
    assert [line for line in lines.said if "was trained on other low-resolution pictures" in line]
    lines = Lines()
    open_session(made(tmp_path / "same", data, rts={"teacher": str(own_teacher.root)}), lines)
    assert not [line for line in lines.said if "teacher" in line]


def test_notes_of_a_teacher_are_read_strictly(teacher, data, tmp_path):
    run = made(tmp_path / "run", data, rts={"teacher": str(teacher.root)})
    write_json(run.root / "run.json", {**run.notes(), "teacher": {"path": 3}})
    with pytest.raises(RunFolderError, match=r"run\.json.*teacher\.path"):
        open_session(run, Silent())


def test_runs_of_before_have_neither():
    config = RunConfig()
    assert (config.network.expand, config.rts.teacher, config.rts.taught) == (1, None, False)
