"""Networks to verified integers: a user's own module, or other widths of a run's stage."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hwrts.api.door import public
from hwrts.api.stage import Stage
from hwrts.command_line import command_line
from hwrts.config import NetworkConfig, QatConfig, RunConfig
from hwrts.data import MAX_MEGAPIXELS, write_image
from hwrts.data.luma import Luma
from hwrts.errors import ConfigError, DataError, RunFolderError
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.graph.deploy import deploy_form
from hwrts.graph.trace import trace
from hwrts.graph.user_code import own_code
from hwrts.graph.weight_bits import check_layers, check_one_width, conv_names, layer_widths, widths_name
from hwrts.networks.build import build_network
from hwrts.progress import Progress, Told, telling
from hwrts.report import write_report
from hwrts.runs.folder import RunFolder, StageFolder, check_replaceable, write_json
from hwrts.runs.own_ends import Own
from hwrts.runs.own_module import load_own, own_of
from hwrts.runs.own_pixels import luma_asked
from hwrts.runs.pipeline import quantise_variant
from hwrts.runs.quantise_own import quantise_own
from hwrts.runs.session import open_session
from hwrts.runs.settings import check_effect, flag_of, run_notes, with_target
from hwrts.settings_file import parse_config, read_toml

# Letters of the shape comments: H rows, W columns.

Pictures = str | Path | Sequence[NDArray[np.uint8]]
"""A folder of photographs, or pictures (H, W, 3) uint8."""


@public
def quantize(
    source: "nn.Module | str | Stage",
    pictures: Pictures | None = None,
    *,
    output: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    target: str | None = None,
    weights: str | Path | None = None,
    inputs: Callable[..., Any] | None = None,
    value_range: Any = None,
    matrix: str | None = None,
    range: str | None = None,
    force: bool = False,
    progress: Told | None = None,
) -> Stage:
    """Verified integers of a module of your own, or of a trained stage in other widths: ``hwrts quantize``.

    Args:
        source: A module from pictures to pictures (a copy of it is quantised); "my_file.py:build"; or a stage
            of a run, of whose float network another int8 network is made.
        pictures: What the module will see: a folder, or two or more arrays (H, W, 3) uint8, each side at
            least 64. None takes the embedded photographs. A tenth is kept to verify and measure on.
        output: Folder to make for a module; None takes runs/NAME, of its class or file.
        settings: By the names of the section qat: ``{"weight_bits": 4, "steps": 300}``; steps of fine-tuning
            are 0 for a module and as in the run for a stage. ``pixel_bits`` of 10 or 12 is for modules.
        target: A client (docs/targets.md) whose widths and rounding are taken, so that it computes the same.
        weights: File of the module's state_dict.
        inputs: From a float tensor (3, H, W) in 0..1 to what the module takes (docs/own_network.md).
        value_range: Of the module's pixels, as ``value_range`` of docs/own_network.md.
        matrix: Of the luma that a module of one channel sees, "bt709" or "bt601"; None is BT.601.
        range: Of its codes, "limited" or "full"; None is full.
        force: Replace an earlier result.
        progress: As in ``hwrts.train``.

    Returns:
        The network. ``measures`` says how far it is from the float one.

    Raises:
        ConfigError: A setting or layer that is not there or not allowed; a module's code that fails.
        DataError: No usable pictures.
        RunFolderError: The folder is taken.
        UnsupportedOperatorError: Something in the module has no integer form; what, where, and what to do.
    """
    told, given = telling(progress), dict(settings or {})
    if target is not None:
        given = with_target(target, given)
    if isinstance(source, Stage):
        of_modules = (pictures, output, weights, inputs, value_range, matrix, range)
        if any(each is not None for each in of_modules):
            raise ConfigError("quantize: of a run's stage takes its settings alone; its run has the pictures")
        if "weight_bits" in given:  # one width for all layers, whatever the run has for some
            given.setdefault("layer_weight_bits", {})
        if "accumulator_bits" in given:
            given.setdefault("layer_accumulator_bits", {})
        return quantize_stage(
            source.run,
            source.files.number,
            given,
            told,
            same_size=source.files.same_size,
            force=force,
            flag="force=True",
        )
    name, ready = _module(source, weights, inputs, value_range, told)
    root = Path("runs") / name if output is None else Path(output)
    luma = luma_asked(matrix, range)
    check_replaceable(root, force=force, advice="choose another folder with output", flag="force=True")
    with _folder_of(pictures) as data:
        return quantize_own(
            str(source) if isinstance(source, str) else name,
            ready,
            root,
            data,
            own_qat({"steps": 0, **given}, as_flags=False),
            {"weights": None if weights is None else str(weights)},
            told,
            command="hwrts.quantize",
            force=force,
            luma=luma,
        )


def _module(
    source: nn.Module | str,
    weights: str | Path | None,
    inputs: Callable[..., Any] | None,
    value_range: Any,
    told: Progress,
) -> tuple[str, Callable[[], Own]]:
    """A name for the folder, and what makes the module ready."""
    file = None if weights is None else Path(weights)
    if isinstance(source, str):
        if inputs is not None or value_range is not None:
            raise ConfigError(f"{source}: write inputs and value_range into the file, beside its function")
        path, _, function = source.rpartition(":")
        if not path:
            raise ConfigError(
                f"{source}: names no function; give my_file.py:build, or hwrts.load({source!r}) of a run"
            )
        return f"{Path(path).stem}-{function}", lambda: load_own(source, file, told)
    name = type(source).__name__
    return name, lambda: own_of(copy.deepcopy(source), name, file, told, inputs, value_range)


@contextmanager
def _folder_of(pictures: Pictures | None) -> Iterator[Path | None]:
    """A folder with the pictures in it; arrays are written to one that is deleted afterwards."""
    if pictures is None or isinstance(pictures, str | Path):
        yield None if pictures is None else Path(pictures)
        return
    if len(pictures) < 2:
        raise DataError(f"pictures: {len(pictures)} given; give two or more, one is kept to verify on")
    with TemporaryDirectory() as folder:
        for i, picture in enumerate(pictures):
            array = np.asarray(picture) if hasattr(picture, "shape") else np.empty(0, object)
            if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or min(array.shape[:2]) < 64:
                raise DataError(
                    f"picture {i}: {array.dtype} {array.shape}; give (height, width, 3), uint8, each side at "
                    "least 64"
                )
            write_image(Path(folder) / f"picture{i:04}.png", array)
        yield Path(folder)


def quantize_own(
    reference: str,
    ready: Callable[[], Own],
    root: Path,
    data: Path | None,
    qat: QatConfig,
    notes: dict[str, Any],
    progress: Progress,
    *,
    command: str | None = None,
    force: bool,
    max_megapixels: int | None = None,
    luma: Luma | None = None,
) -> Stage:
    """A run folder of one stage, of a module of the user's own.

    Args:
        reference: What the module is from, for messages and run.json.
        ready: Makes it, with what its file says of it.
        root: The folder.
        data: Folder of photographs; None: the embedded ones.
        qat: Widths, rounding, steps.
        notes: Of run.json.
        progress: Where to say what happens.
        command: What made it, of run.json; None takes the command line.
        force: Replace an earlier one.
        max_megapixels: A larger photograph is left out.
        luma: Which Y' a module of one channel sees; None if nobody says it.

    Raises:
        HwrtsError: As :func:`quantize`.
    """
    with writing(root):
        check_replaceable(root, force=force, advice="choose another folder with --output")
        with own_code(reference):
            own = ready()
        made_of = reference.rpartition(":")[0] or reference
        document = {
            **run_notes(0, command),
            "module": reference,
            **notes,
            **({} if own.inputs is None else {"inputs": f"{made_of}:inputs"}),
            "qat": qat.model_dump(exclude={"same_size", "same_size_steps"}),
        }
        with new_folder(root, "choose another folder with --output") as folder:
            write_json(folder / "run.json", document)
            with own_code(reference):
                limit = max_megapixels or MAX_MEGAPIXELS
                quantise_own(RunFolder(folder), own, data, qat, progress, limit, luma)
        write_report(RunFolder(root))
    return Stage(RunFolder(root), RunFolder(root).stage(1))


def quantize_stage(
    folder: RunFolder,
    number: int,
    given: dict[str, Any],
    progress: Progress,
    *,
    same_size: bool,
    force: bool,
    flag: str = "--force",
) -> Stage:
    """Another int8 network of a finished float stage, in a folder of the run that its widths name.

    Args:
        folder: The run.
        number: Of the stage.
        given: Settings of QatConfig in place of the run's.
        progress: Where to say what happens.
        same_size: Of its same-size form.
        force: Replace an earlier one of these widths.
        flag: What ``force`` is called where it is given: on the command line, settings are flags too.

    Raises:
        HwrtsError: A setting that is not allowed, no such stage, or there is one of these widths.
    """
    with writing(folder.root):
        name, qat = _variant(folder, number, given, same_size=same_size, flags=flag.startswith("--"))
        target = folder.root / f"stage{name}"
        if StageFolder(target).finished and not force:
            raise RunFolderError(f"{target}: exists already; replace it with {flag} or choose other widths")
        quantise_variant(open_session(folder, progress), number, name, qat)
        write_report(folder)
    return Stage(folder, folder.stage(name))


def _variant(
    folder: RunFolder, number: int, given: dict[str, Any], *, same_size: bool, flags: bool
) -> tuple[str, QatConfig]:
    """The name of the stage to make, which holds everything that distinguishes it, and its settings."""
    config = folder.config
    # A run from before weights settled goes on without, but what is made of it now does.
    new = {} if "settle" in read_toml(folder.root / "config.toml")["qat"] else {"settle": True}
    settings = {"qat": {**config.qat.model_dump(), **new, **given}}
    said = ("command line", flags_of(given)) if flags else ("settings", None)
    qat = parse_config(settings, *said).qat
    _check_effect(qat, given, as_flags=flags, same_size=same_size)
    if qat.pixel_bits != config.qat.pixel_bits:
        raise ConfigError(
            f"--pixel-bits {qat.pixel_bits}: belongs to the run, whose photographs and float network have "
            f"{config.qat.pixel_bits}; leave it out, or make a run with it"
        )
    folder.check_own_stage(number)
    if not (folder.root / f"stage{number}" / "float.safetensors").is_file():
        raise RunFolderError(
            f"{folder.root}: stage {number} has no float network; finish it with "
            f"{command_line('run', '--resume', folder.root)}"
        )
    prefix = "same_" if same_size else ""
    name = f"{number}-{prefix}{_widths_name(config.network, qat, given, same_size=same_size)}"
    hidden = "" if _hidden(qat, qat) == _hidden(config.qat, qat) else f"h{_hidden(qat, qat)}"
    name += f"a{qat.activation_bits}{hidden}{_accumulators_name(config, qat, given, same_size=same_size)}"
    name += f"k{qat.skip_bits}" if qat.skip_bits != config.qat.skip_bits else ""
    steps = given.get("same_size_steps" if same_size else "steps")
    name += f"s{steps}" if steps is not None else ""
    name += f"_{qat.rounding.replace(',', '_')}" if qat.rounding != config.qat.rounding else ""
    if qat.exact_additions is not config.qat.exact_additions:
        name += "_exact" if qat.exact_additions else "_inexact"
    name += "" if qat.settle else "_unsettled"
    if qat.one_weight_grid is not config.qat.one_weight_grid:
        name += "_grid" if qat.one_weight_grid else "_grids"
    return name, qat


def own_qat(given: Mapping[str, Any], *, as_flags: bool) -> QatConfig:
    """Settings that a module of one's own is quantised with.

    Args:
        given: By their names in the section.
        as_flags: Whether they were given on the command line, and are named so.

    Raises:
        ConfigError: One is not allowed, or has no effect.
    """
    said = ("command line", flags_of(given)) if as_flags else ("settings", None)
    qat = parse_config({"qat": dict(given)}, *said).qat
    _check_effect(qat, given, as_flags=as_flags, same_size=False)
    return qat


def _check_effect(qat: QatConfig, given: Mapping[str, Any], *, as_flags: bool, same_size: bool) -> None:
    """Refuse what does nothing; widths of single layers know their network, and are asked elsewhere."""
    config = RunConfig(qat=qat.model_copy(update={"same_size": same_size}))
    asked = {f"qat.{key}": value for key, value in given.items() if key not in qat.of_single_layers}
    check_effect(asked, config, as_flags=as_flags, same_size_alone=same_size)


def _hidden(qat: QatConfig, beside: QatConfig) -> int:
    """The width of hidden tensors that settings ask for, beside the width of all tensors of others."""
    return min(qat.hidden_bits or beside.activation_bits, beside.activation_bits)


def flags_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The flags that settings of QatConfig came from, by dotted key."""
    return {f"qat.{key}": "--qat-steps" if key.endswith("steps") else flag_of(f"qat.{key}") for key in given}


def _accumulators_name(
    config: RunConfig, qat: QatConfig, given: Mapping[str, Any], *, same_size: bool
) -> str:
    """The part that says how wide its accumulators are, where that is not as in the run."""
    before, setting = config.qat, "layer_accumulator_bits"
    if (qat.accumulator_bits, getattr(qat, setting)) == (before.accumulator_bits, getattr(before, setting)):
        return ""
    names = _layers(config.network, same_size=same_size)
    check_layers(given.get(setting, {}), names, setting)
    if "accumulator_bits" in given:
        check_one_width(given.get(setting, {}), names, "accumulator_bits")
    widths = layer_widths(names, qat.weight_bits, {}, qat.accumulator_bits, getattr(qat, setting))
    bits = [str(each.accumulator or "x") for each in widths.values()]
    return "p" + "_".join(bits[:1] if len(set(bits)) == 1 else bits)


def _layers(network: NetworkConfig, *, same_size: bool) -> tuple[str, ...]:
    """The convolutions of a form of the network."""
    return conv_names(deploy_form(trace(build_network(network).eval()), same_size=same_size))


def _widths_name(network: NetworkConfig, qat: QatConfig, given: Mapping[str, Any], *, same_size: bool) -> str:
    """The part of a variant's name that says how wide its weights are."""
    if not qat.layer_weight_bits:
        return f"w{qat.weight_bits}"
    names = _layers(network, same_size=same_size)
    check_layers(given.get("layer_weight_bits", {}), names)  # the run's own may be of its other form
    if "weight_bits" in given:
        check_one_width(given["layer_weight_bits"], names)
    widths = layer_widths(names, qat.weight_bits, qat.layer_weight_bits)
    return widths_name({name: each.weight for name, each in widths.items()})
