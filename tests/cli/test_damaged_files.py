"""Every file of a run, a sweep and a reproduction, damaged at random: it is read, or refused in one line."""

import json
import os
import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from hwrts.errors import HwrtsError
from hwrts.fixed_point import Network

from ..campaigns.notes import note
from .bounds import bounded, in_seconds
from .mutations import mutations
from .strangers import STRANGERS, make_strangers

MUTATIONS = int(os.environ.get("HWRTS_MUTATIONS", "20"))
"""Of each kind of file; ``make slow`` tries 400, by hand tens of thousands."""

PORTION = int(os.environ.get("HWRTS_PORTION", "0"))
"""Another number, other damages: so a campaign is done in portions, which HWRTS_CAMPAIGN notes."""


def notes(root: Path) -> None:
    from hwrts.report.stages import kept_stage, read_stages
    from hwrts.report.summary import facts, headline, photograph_names
    from hwrts.runs.folder import open_run

    run = open_run(root / "run")
    stages = read_stages(run)
    run.enhancing_stage(run.finished_stage(None).name)
    kept = kept_stage(stages, run.notes().get("best_stage"))
    headline(run, stages, kept)
    facts(run, kept)
    photograph_names(run.notes())


def settings(root: Path) -> None:
    from hwrts.runs.folder import open_run
    from hwrts.settings_file import dump_toml

    dump_toml(open_run(root / "run").config)


def progress_lines(root: Path) -> None:
    from hwrts.report.plots import training_plot
    from hwrts.runs.folder import open_run

    metrics = list(open_run(root / "run").metrics())
    if len(metrics) < 3 and MUTATIONS <= 1000:  # a plot takes a tenth of a second: not of every one
        training_plot(metrics, "float", "title")


def verdict(root: Path) -> None:
    from hwrts.cli.stage import print_stages
    from hwrts.report.comparison import comparison
    from hwrts.report.stages import read_stages
    from hwrts.reproduce.sentences import int8_is_proved
    from hwrts.runs.documents import read_verdict
    from hwrts.runs.folder import open_run
    from hwrts.runs.proof import read_proof

    run = open_run(root / "run")
    for stage in read_stages(run):
        comparison(stage, run.root, kept=True)
        _ = stage.passed
    found = read_verdict(run.stage(1).verify)
    int8_is_proved(1, 1, found["compared"], found["mismatches"])
    read_proof(run.stage(1))
    print_stages(run)


def measures(root: Path) -> None:
    from hwrts.cli.stage import print_stages
    from hwrts.report.plots import difference_plots
    from hwrts.report.stages import kept_stage, read_stages
    from hwrts.report.tables import stage_rows
    from hwrts.runs.folder import open_run
    from hwrts.runs.pipeline import stage_changes, stage_scores

    run = open_run(root / "run")
    stages = read_stages(run)
    stage_rows(stages, kept_stage(stages, 1))
    print_stages(run)
    stage_changes(run, 2)
    assert one_line(lambda: stage_scores(run, 2))  # the run was made without
    if MUTATIONS <= 1000:
        difference_plots(stages)


def seconds(root: Path) -> None:
    from hwrts.runs.folder import StageFolder
    from hwrts.runs.pipeline import _Clock

    clock = _Clock(StageFolder(root / "run" / "stage1"))
    assert sum(clock.seconds.values()) >= 0


def store(root: Path) -> None:
    from hwrts.data import open_store

    opened = open_store(root / "run" / "data" / "val")
    for i in range(len(opened.names)):
        for kind in ("hr", "lr", "target1"):
            np.array(opened.array(i, kind)).sum()
        print(opened.names[i].encode("utf-8", "surrogateescape"))


def inputs(root: Path) -> None:
    from hwrts.runs.folder import open_run
    from hwrts.runs.verify_inputs import load_verify_inputs

    assert all(picture.size for picture in load_verify_inputs(open_run(root / "run")).values())


def float_weights(root: Path) -> None:
    from hwrts.networks.build import build_network
    from hwrts.runs.folder import open_run
    from hwrts.training.checkpoint import fit_weights

    run = open_run(root / "run")
    fit_weights(run.stage(1).float_weights, build_network(run.config.network))


def state(root: Path) -> None:
    import torch

    from hwrts.networks.build import build_network
    from hwrts.runs.folder import open_run
    from hwrts.training.checkpoint import load_state_note, load_training
    from hwrts.training.fit import Schedule, Training, fit

    run = open_run(root / "run")
    training = Training.start(build_network(run.config.network))
    load_state_note(run.state)
    load_training(run.state, training)
    batch = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    if training.step < 10**6:
        steps = Schedule(1e-3, training.step + 1)
        fit(training, training.model, lambda step: batch, steps, lambda done, loss: None)


def quantised(root: Path) -> None:
    from hwrts.fixed_point import load_network
    from hwrts.qat.sqnr import layer_sqnr_db
    from hwrts.qat.witness import TorchWitness
    from hwrts.runs.folder import StageFolder
    from hwrts.runs.quantise import _check_same, load_quantised

    stage = StageFolder(root / "run" / "stage1")
    module, network = load_quantised(stage), load_network(stage.root)
    _check_same(stage, module, network)
    picture = np.full((6, 7, 3), 99, np.uint8)
    layer_sqnr_db(module, [picture])
    TorchWitness(module, network).entire(picture)


def integers(root: Path) -> None:
    from hwrts.fixed_point import load_network, run

    run(load_network(root / "run" / "stage1"), np.full((6, 7, 3), 99, np.uint8))


def onnx(root: Path) -> None:
    from hwrts.export.runtime import census, check_model
    from hwrts.export.witness import onnx_witnesses
    from hwrts.files.read import read_bytes
    from hwrts.runs.engines import onnx_engine
    from hwrts.runs.folder import StageFolder

    stage = StageFolder(root / "run" / "stage1")
    network, model = whole_network(stage.root), read_bytes(stage.onnx)
    picture = np.full((6, 7, 3), 99, np.uint8)
    onnx_engine(model, network).codes(picture)
    check_model(model)
    for witness in onnx_witnesses(network, model)[:2]:
        witness.entire(picture)
    census(model)


@cache
def whole_network(folder: Path) -> Network:
    """Read once: half of what a damaged ONNX file takes."""
    from hwrts.fixed_point import load_network

    return load_network(folder)


def sensitivity(root: Path) -> None:
    from hwrts.cli.sensitivity import print_sensitivity
    from hwrts.runs.folder import StageFolder
    from hwrts.sensitivity.file import known_sensitivity
    from hwrts.sensitivity.mixed import choose_widths

    found = known_sensitivity(StageFolder(root / "run" / "stage1"), [4])
    if found is not None:
        print_sensitivity("title", found)
        choose_widths(found, 1e6, (4, 8))


def sweep(root: Path) -> None:
    from hwrts.sweep.folder import open_sweep
    from hwrts.sweep.page import columns, shown
    from hwrts.sweep.results import best, front, read_rows, status

    spec, _ = open_sweep(root / "sweep")
    rows = read_rows(root / "sweep")
    best(rows), status(root / "sweep"), front(rows, "params", "quality_int8")
    print([[shown(row, name) for name, _ in columns(spec)] for row in rows])


def journal(root: Path) -> None:
    from hwrts.sweep.folder import open_sweep
    from hwrts.sweep.study import SweepStudy

    spec, _ = open_sweep(root / "sweep")
    study = SweepStudy(root / "sweep", spec)
    study.interrupted(), study.told()
    if study.asked < 2:
        study.ask()


def reproduction(root: Path) -> None:
    from hwrts.reproduce.page import read_results, write_page

    document = read_results(root / "reproduction")
    document |= {"budget": "small", "seed": 0, "notes": [], "photographs": {"train": 1, "val": 1}}
    if MUTATIONS <= 1000 or document["results"].keys() != {"table1", "fig4"}:
        write_page(root / "reproduction", document)


def scores(root: Path) -> None:
    from hwrts.reproduce.scores import _read

    _read(root / "reproduction" / "scores.json")


def claimed(root: Path) -> None:
    from hwrts.reproduce.budgets import budget
    from hwrts.reproduce.reproduction import _claim
    from hwrts.reproduce.runs import Source

    _claim(root / "reproduction", budget("small"), Source(Path("/x"), None, 0, "cpu"))


def client_file(root: Path, name: str) -> None:
    from hwrts.export.clients.read import read_file
    from hwrts.files.read import read_bytes
    from hwrts.runs.client_check import manifest_beside

    manifest_beside(root / "client" / name)
    read = read_file(read_bytes(root / "client" / name), whole_network(root / "run" / "stage1"))
    print(read.size, read.target, read.inner, read.shown)


def stranger(name: str) -> Callable[[Path], None]:
    return lambda root: STRANGERS[name](root / "own" / name)


READERS: dict[str, Callable[[Path], None]] = {
    "run/run.json": notes,
    "run/config.toml": settings,
    "run/metrics.jsonl": progress_lines,
    "run/verify_inputs.npz": inputs,
    "run/data/val/index.json": store,
    "run/data/val/hr/00000.npy": store,
    "run/data/val/target1/00000.npy": store,
    "run/state.safetensors": state,
    "run/stage1/float.safetensors": float_weights,
    "run/stage1/qat.safetensors": quantised,
    "run/stage1/network.json": integers,
    "run/stage1/network.npz": integers,
    "run/stage1/model.int8.onnx": onnx,
    "run/stage1/verify.json": verdict,
    "run/stage1/metrics.json": measures,
    "run/stage1/seconds.json": seconds,
    "run/stage1/sensitivity.json": sensitivity,
    "sweep/sweep.json": sweep,
    "sweep/configurations/abc.json": sweep,
    "sweep/trials/abc/rung0/trial.json": sweep,
    "sweep/optuna.journal": journal,
    "reproduction/results.json": reproduction,
    "reproduction/scores.json": scores,
    "reproduction/settings.json": claimed,
    "client/model.tflite": lambda root: client_file(root, "model.tflite"),
    "client/model.onnx": lambda root: client_file(root, "model.onnx"),
    "client/manifest.json": lambda root: client_file(root, "model.onnx"),
    **{f"own/{name}": stranger(name) for name in STRANGERS},
}
"""What reads each file, and everything that is then done with its content."""


@pytest.fixture(scope="module")
def whole(finished, tmp_path_factory) -> Path:
    """A finished run with a state, a sweep and a reproduction; small, and nothing of it is damaged."""
    import torch

    from hwrts.cost.budget import COSTS
    from hwrts.data import open_store
    from hwrts.export.tflite import write_tflite
    from hwrts.fixed_point import load_network
    from hwrts.networks.build import build_network
    from hwrts.progress import Silent
    from hwrts.reproduce.page import write_page, write_result
    from hwrts.reproduce.tables import Table, usm_rows
    from hwrts.runs.folder import open_run
    from hwrts.sensitivity.file import stage_sensitivity
    from hwrts.sweep.folder import claim, save_entry
    from hwrts.sweep.spec import parse_spec
    from hwrts.sweep.study import SweepStudy
    from hwrts.training.checkpoint import save_training
    from hwrts.training.fit import Training

    root = tmp_path_factory.mktemp("whole")
    make_strangers(root / "own")
    shutil.copytree(finished / "runs" / "tiny", root / "run")
    run = open_run(root / "run")
    training = Training.start(build_network(run.config.network))
    training.model(torch.rand(1, 3, 8, 8)).mean().backward()
    training.optimizer.step()
    save_training(run.state, training, {"stage": "1", "phase": "float"})
    stage_sensitivity(run.stage(1), open_store(run.root / "data" / "val"), [4], Silent())
    client = root / "client"
    client.mkdir()
    shutil.copy(run.stage(1).onnx, client / "model.onnx")
    (client / "model.tflite").write_bytes(write_tflite(load_network(run.stage(1).root), (24, 40)))
    said = {"source": {"run": "run", "stage": "1"}, "files": {"model.onnx": {"sha256": "f" * 64}}}
    said["target"] = {"file": "model.onnx", "name": "onnx", "size": [24, 40]}
    (client / "manifest.json").write_text(json.dumps(said))

    folder = root / "sweep"
    spec = parse_spec({"axes": {"network.blocks": [0, 1]}, "halving": {"rungs": 1}}, "test")
    claim(folder, spec, "photographs")
    values = {"network.blocks": 1}
    save_entry(folder, {"key": "abc", "values": values, "costs": dict.fromkeys(COSTS, 1.5)})
    trial = folder / "trials" / "abc" / "rung0" / "trial.json"
    trial.parent.mkdir(parents=True)
    document = {
        "schema": "hwrts trial", "schema_version": 1, "key": "abc", "rung": 0, "stage": "1",
        "quality": "psnr", "quality_float": 30.0, "quality_int8": 29.0, "passed": True, "compared": 5,
        "mismatches": 0, "measures": json.loads(run.stage(1).metrics.read_text()), "trained": 1.0,
        "seconds": 2.0,
    }  # fmt: skip
    trial.write_text(json.dumps(document))
    study = SweepStudy(folder, spec)
    number, _ = study.ask()
    study.constrain(number, {"params": -0.5})
    study.tell(number, 30.0, 1.5)

    made = root / "reproduction"
    made.mkdir()
    columns, rows = usm_rows([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    table = Table("fig4", "Fig. 4", columns, rows, ())
    entry = {**write_result(made, table, None), "int8": False}
    results = {"schema": "hwrts reproduction", "schema_version": 1, "budget": "small", "seed": 0, "notes": []}
    results |= {"photographs": {"train": 1, "val": 1}, "results": {"table1": entry, "fig4": entry}}
    write_page(made, results)
    from hwrts import __version__

    score = {"mos_raw": 1.0, "mos_raw_night": 2.0, "features": {"a": 3.0}}
    head = {"schema": "hwrts viqet scores", "schema_version": 1, "hwrts": __version__}
    (made / "scores.json").write_text(json.dumps({**head, "scores": {"f" * 64: score}}))
    (made / "settings.json").write_text(
        json.dumps({"budget": "small", "data": "/x", "val": None, "seed": 0, "device": "cpu"})
    )
    return root


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    import warnings

    warnings.simplefilter("ignore")  # a warning is no crash; the libraries warn of strange values
    monkeypatch.setenv("COLUMNS", "100")


def one_line(work: Callable[[], object]) -> str | None:
    """Why something is refused; None if it is done. Anything but one line of ours fails."""
    try:
        work()
    except HwrtsError as error:
        message = str(error)
        assert message
        assert len(message) < 2000, message[:3000]
        return message
    return None


def tried(path: Path, damaged: bytes, read: Callable[[Path], None], root: Path) -> str | None:
    """Why a damaged file is refused; None if it is read."""
    path.write_bytes(damaged)
    with in_seconds():
        return one_line(lambda: read(root))


@pytest.mark.parametrize("name", READERS)
def test_damage_is_refused_in_one_line_or_does_no_harm(whole, tmp_path, name):
    shutil.copytree(whole, tmp_path / "whole")
    root, read = tmp_path / "whole", READERS[name]
    path = root / name
    read(root)
    refused = 0
    with bounded(tmp_path):
        for i, damaged in enumerate(mutations(path.read_bytes(), MUTATIONS, seed=len(name) + 1000 * PORTION)):
            if name.startswith("sweep/optuna"):
                for each in path.parent.glob("optuna.journal*"):
                    each.unlink()
            try:
                refused += tried(path, damaged, read, root) is not None
            except BaseException as error:
                raise AssertionError(f"mutation {i} of {name}: {type(error).__name__}: {error}") from error
    note(campaign="mutations", file=name, tried=MUTATIONS, refused=refused, portion=PORTION)


NO_FILES: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,  # whoever opens it waits for ever
    "a device": lambda path: path.symlink_to("/dev/zero"),  # whoever reads it is never done
    "a link that leads to itself": lambda path: path.symlink_to(path.name),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a folder": Path.mkdir,
}


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_refused_in_one_line_or_is_as_none_at_all(whole, tmp_path, kind):
    shutil.copytree(whole, tmp_path / "whole")
    root = tmp_path / "whole"
    with bounded(tmp_path):
        for name, read in READERS.items():
            path, kept = root / name, root / "kept"
            path.rename(kept)
            NO_FILES[kind](path)
            with in_seconds():
                refused = one_line(partial(read, root))
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)  # a journal is put aside
            assert refused or one_line(partial(read, root)) is None, name  # or it may be missing
            kept.rename(path)


def note_of(payload: bytes) -> bytes:
    size = int.from_bytes(payload[:8], "little")
    notes = json.loads(json.loads(payload[8 : 8 + size])["__metadata__"]["hwrts"])
    return json.dumps({key: value for key, value in notes.items() if key != "sha256"}).encode()


def with_note(payload: bytes, note: bytes) -> bytes:
    from safetensors.torch import load, save

    return save(load(payload), {"hwrts": note.decode("utf-8", "replace")})


def without_checksum(payload: bytes) -> bytes:
    return with_note(payload, note_of(payload))


def unsealed(payload: bytes) -> bytes:
    document = json.loads(payload)
    del document["json_sha256"]
    return json.dumps(document).encode()


def sealed(payload: bytes, text: bytes) -> bytes:
    from hwrts.fixed_point.file import _sealed

    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _sealed(document) if isinstance(document, dict) and document else text


INSIDE: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, bytes], bytes]]] = {
    "run/stage1/qat.safetensors": (note_of, with_note),
    "run/state.safetensors": (note_of, with_note),
    "run/stage1/float.safetensors": (without_checksum, lambda payload, damaged: damaged),
    "run/stage1/network.json": (unsealed, sealed),
}
"""What is within a checksum: how to take it out and put it back, as an older hwrts or a stranger would."""


@pytest.mark.parametrize("name", INSIDE)
def test_damage_behind_a_right_checksum(whole, tmp_path, name):
    shutil.copytree(whole, tmp_path / "whole")
    root, path = tmp_path / "whole", tmp_path / "whole" / name
    payload = path.read_bytes()
    take, put = INSIDE[name]
    assert tried(path, put(payload, take(payload)), READERS[name], root) is None
    refused = 0
    for i, damaged in enumerate(mutations(take(payload), MUTATIONS, seed=len(name) + 1000 * PORTION)):
        try:
            refused += tried(path, put(payload, damaged), READERS[name], root) is not None
        except BaseException as error:
            raise AssertionError(f"mutation {i} of {name}: {type(error).__name__}: {error}") from error
    note(campaign="mutations", file=f"{name}, inside", tried=MUTATIONS, refused=refused, portion=PORTION)


SEALED = (
    "run/state.safetensors",
    "run/stage1/float.safetensors",
    "run/stage1/qat.safetensors",
    "run/data/val/hr/00000.npy",
    "run/data/val/target1/00000.npy",
    "run/stage1/network.json",
    "run/stage1/network.npz",
)
"""Files with a checksum."""


@pytest.mark.parametrize("name", SEALED)
def test_one_flipped_bit_is_found(whole, tmp_path, name):
    """A flipped bit of a checkpoint trained other weights, and nobody noticed."""
    shutil.copytree(whole, tmp_path / "whole")
    root, path = tmp_path / "whole", tmp_path / "whole" / name
    payload = path.read_bytes()
    rng = np.random.default_rng(5)
    places = {0, 8, 9, len(payload) - 1, *rng.integers(0, len(payload), 30).tolist()}
    for at in sorted(places):
        damaged = bytearray(payload)
        damaged[at] ^= 1 << int(rng.integers(8))
        assert tried(path, bytes(damaged), READERS[name], root) is not None, at
