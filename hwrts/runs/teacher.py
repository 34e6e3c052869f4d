"""The larger run that a network is trained towards beside its targets: found, checked, and known again."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from hwrts.config import NetworkConfig, RunConfig
from hwrts.errors import ConfigError, RunFolderError
from hwrts.files.read import file_sha256
from hwrts.networks.build import build_network
from hwrts.progress import Progress
from hwrts.runs.folder import RunFolder, StageFolder, open_run
from hwrts.training.checkpoint import fit_weights, preserve_layout


def check_teacher(run: RunFolder, progress: Progress) -> None:
    """Refuse, before a training, a teacher that is not there, damaged, of other pictures, or another one.

    Only stages that are still to be trained need theirs. What the teacher is, its folder and a hash of each
    stage's weights, is written into run.json when the run is made.

    Args:
        run: The run that is taught; one without a teacher is left alone.
        progress: Where it is said that the teacher learnt from other low-resolution pictures.

    Raises:
        HwrtsError: There is no such run, its network sees other colours or bits, or its weights of a stage
            are missing, damaged, or others than the run began with.
    """
    config = run.config
    if not config.rts.taught:
        return
    numbers = range(run.first_stage, config.stage_limit + 1)
    wanted = [n for n in numbers if not _float_weights(run, n).is_file()]
    if not wanted:
        return
    found = check_taught(run, wanted)
    if run.notes().get("teacher") is None:
        place = teacher_place(run)
        run.update_notes(teacher={"path": str(place.absolute()), "sha256": found})
        if open_run(place).config.degradation != config.degradation:
            progress.say(f"teacher {place}: was trained on other low-resolution pictures ([degradation])")


def check_taught(run: RunFolder, stages: Iterable[int]) -> dict[str, str]:
    """Refuse a teacher of some stages of a run, as :func:`check_teacher` does; its networks, by stage.

    Nothing is written.

    Raises:
        HwrtsError: As there.
    """
    place, wanted = teacher_place(run), list(stages)
    teacher = find_teacher(run.config, place)
    for number in wanted:
        load_teacher(teacher, number)
    known = run.notes().get("teacher")
    found = teacher_sha256(teacher, wanted)
    changed = [] if known is None else [n for n, sha in found.items() if known["sha256"].get(n) != sha]
    if changed:
        raise RunFolderError(
            f"teacher {place}: its weights of stage {changed[0]} are others than this run began with; put "
            "those back, or train with these in a run of its own"
        )
    return found


def find_teacher(config: RunConfig, place: Path) -> RunFolder:
    """The run in a folder, as a teacher of a run with these settings; its weights are not looked at.

    Raises:
        HwrtsError: There is no run, or its network sees other colours or bits.
    """
    teacher = _opened(place)
    if not teacher.trained:
        raise ConfigError(f"teacher {place}: is of a module of one's own; take a run that hwrts run trained")
    theirs, ours = (_seen(each.network, each.qat.pixel_bits) for each in (teacher.config, config))
    if theirs != ours:
        raise ConfigError(
            f"teacher {place}: sees {theirs}, the network to train {ours}; take a teacher of the same "
            "colours and pixel bits"
        )
    return teacher


def load_teacher(teacher: RunFolder, number: int) -> nn.Module:
    """The trained float network of a teacher's stage, on the CPU.

    Raises:
        RunFolderError: Its weights are missing, damaged or of another network.
    """
    weights = _weights_of(teacher, number)
    with torch.random.fork_rng(devices=[]):  # the network that is taught starts from what the seed says
        network = preserve_layout(build_network(teacher.config.network))
    try:
        fit_weights(weights, network)
    except RunFolderError as error:
        raise RunFolderError(f"teacher {error}") from error
    return network.eval().requires_grad_(False)


def teacher_of(run: RunFolder, number: int) -> nn.Module:
    """The network that a stage of a run is taught by; raises as :func:`load_teacher`."""
    return load_teacher(find_teacher(run.config, teacher_place(run)), number)


def teacher_identity(config: RunConfig) -> dict[str, str]:
    """What the teacher of settings is: by stage, a hash of its weights.

    Raises:
        HwrtsError: As :func:`find_teacher`; or weights of a stage are missing.
    """
    teacher = find_teacher(config, Path(str(config.rts.teacher)))
    return teacher_sha256(teacher, range(1, config.stage_limit + 1))


def teacher_sha256(teacher: RunFolder, stages: Iterable[int]) -> dict[str, str]:
    """What a teacher's networks are, by stage.

    Raises:
        RunFolderError: Weights of a stage are missing.
    """
    return {str(number): file_sha256(_weights_of(teacher, number)) for number in stages}


def sha256_so_far(place: Path, stages: Iterable[int]) -> dict[str, str]:
    """The same of the run in a folder, of those stages that it has trained.

    Raises:
        RunFolderError: There is no run.
    """
    teacher = _opened(place)
    return teacher_sha256(teacher, [n for n in stages if _float_weights(teacher, n).is_file()])


def _opened(place: Path) -> RunFolder:
    try:
        return open_run(place)
    except RunFolderError as error:
        raise RunFolderError(f"teacher {error}") from error


def teacher_place(run: RunFolder) -> Path:
    """Where the teacher is: where it was when the run was made, wherever the run is continued from."""
    known = run.notes().get("teacher")
    return Path(known["path"] if known else str(run.config.rts.teacher))


def _weights_of(teacher: RunFolder, number: int) -> Path:
    """Those of a teacher's stage."""
    weights = _float_weights(teacher, number)
    if not weights.is_file():
        try:
            teacher.check_own_stage(number)
        except RunFolderError as error:
            raise RunFolderError(f"teacher {error}") from error
        raise RunFolderError(
            f"teacher {teacher.root}: has no float network of stage {number}; train it as far, or ask for "
            "fewer stages (rts.stages)"
        )
    return weights


def _float_weights(run: RunFolder, number: int) -> Path:
    """Of a stage, whose folder is not made for it."""
    return StageFolder(run.root / f"stage{number}").float_weights


def _seen(network: NetworkConfig, pixel_bits: int) -> str:
    """What a network sees of a picture, in words; how colours become larger is none of it."""
    colours = "red, green and blue" if network.luma is None else f"luma ({network.luma.said})"
    return f"{colours} of {pixel_bits} bits"
