"""hwrts cost: parameters, MACs, line memory, traffic and accumulators of a network, trained or not."""

from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table
from hwrts.cli.options import Quiet, StageOption, run_folders
from hwrts.cli.silicon import print_silicon, silicon_document
from hwrts.cli.stage import network_folder
from hwrts.cost.modes import KIB_BITS
from hwrts.errors import ConfigError, did_you_mean
from hwrts.runs.settings import resolve_config

if TYPE_CHECKING:
    from pydantic import BaseModel

    from hwrts.cost.modes import Load, Mode
    from hwrts.cost.network import Cost


_ONE_WIDTH = ("weight_bits", "activation_bits", "hidden_bits", "skip_bits", "accumulator_bits", "pixel_bits")
_OWN_WIDTHS = ("layer_weight_bits", "layer_accumulator_bits")


def _setting(help_text: str) -> Any:
    return typer.Option(help=help_text.replace("[", r"\["), show_default=False)


def cost(
    network: Annotated[
        str,
        typer.Argument(
            help="A network such as residual, a TOML file of settings or 'paper', or a run or stage folder.",
            metavar="NETWORK|CONFIG|RUN|STAGE",
            autocompletion=run_folders,
        ),
    ],
    stage: StageOption = None,
    blocks: Annotated[int | None, _setting("N of Residual-N [1].")] = None,
    channels: Annotated[int | None, _setting("Width of the hidden tensors [32].")] = None,
    colour: Annotated[
        str | None, _setting("What it sees: rgb, or luma alone: a third of the picture's lines [rgb].")
    ] = None,
    form: Annotated[
        str | None,
        _setting("drawn, x2 (as deployed) or same-size (with the down-scaler folded in) [x2]."),
    ] = None,
    weight_bits: Annotated[int | None, _setting("Width of the weights, 2..8 [8].")] = None,
    activation_bits: Annotated[int | None, _setting("Width of inner tensors, 2..8 [8].")] = None,
    hidden_bits: Annotated[
        int | None, _setting("Width of hidden tensors alone, 2..8 [as activation-bits].")
    ] = None,
    skip_bits: Annotated[
        int | None, _setting("Width of tensors that carry the picture, 8, 10, 12 or 16 [8].")
    ] = None,
    accumulator_bits: Annotated[
        int | None, _setting("Width of accumulators that weights are trained for, 9..24 [as they come].")
    ] = None,
    pixel_bits: Annotated[int | None, _setting("Width of the pixels in and out, 8, 10 or 12 [8].")] = None,
    mode: Annotated[
        str,
        typer.Option(help="Video mode: 1080p60, 2160p60, 2160p120, 4320p60, or such as 3440x1440@100."),
    ] = "2160p60",
    silicon: Annotated[
        bool, typer.Option("--silicon", help="Of a run or stage also its circuit (docs/silicon.md).")
    ] = False,
    clock_mhz: Annotated[float, typer.Option(min=1, help="Of that circuit.")] = 600.0,
    json: Annotated[bool, typer.Option("--json", help="Print everything, layer by layer, as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Count what a network costs in silicon: MACs, line memory, traffic, accumulators (docs/cost.md)."""
    from hwrts.cost.modes import mode_named

    video = mode_named(mode)
    flags = {
        "network.blocks": blocks,
        "network.channels": channels,
        "network.colour": colour,
        "qat.weight_bits": weight_bits,
        "qat.activation_bits": activation_bits,
        "qat.hidden_bits": hidden_bits,
        "qat.skip_bits": skip_bits,
        "qat.accumulator_bits": accumulator_bits,
        "qat.pixel_bits": pixel_bits,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    found, facts = _cost_of(network, stage, form, given, quiet=quiet)
    circuit = {"silicon": _silicon(facts, mode, clock_mhz)} if silicon else {}
    if json:
        document = {**facts, **cost_document(found, video), **circuit}
        print_json({"schema": "hwrts.cost", "schema_version": 1, **document})
        return
    print_cost(_title(facts, found), found, video)
    if circuit:
        print_silicon(circuit["silicon"])


def _silicon(facts: dict[str, Any], mode: str, clock_mhz: float) -> dict[str, Any]:
    """The circuit of an integer network."""
    from hwrts.fixed_point import load_network

    if facts["form"] != "integer":
        raise ConfigError(
            f"--silicon: {facts['network']} has no integers yet, and their accumulators make the circuit; "
            "give a run or stage folder"
        )
    return silicon_document(load_network(Path(facts["network"])), mode, clock_mhz)


def print_cost(title: str, found: "Cost", video: "Mode") -> None:
    """The tables of a cost: layers, sums, and what a video mode needs."""
    loads = [found.at(video, "input"), found.at(video, "output")]
    _print_layers(title, found, video, loads[1])
    _print_sums(found)
    _print_loads(video, loads, streamable=not found.whole_frame)


def _cost_of(
    network: str, stage: str | None, form: str | None, given: dict[str, Any], *, quiet: bool
) -> tuple["Cost", dict[str, Any]]:
    """The cost, and how the network was found."""
    from hwrts.config.network import OLD_NAMES
    from hwrts.fixed_point import JSON_NAME, load_network

    path = Path(network)
    is_stage = path.is_dir() or path.name == JSON_NAME
    if network in (*_networks(), *OLD_NAMES) or not is_stage:
        if stage is not None:
            raise ConfigError(f"--stage {stage}: is for run folders, and {network} is none; leave it out")
        return _cost_of_settings(network, form, given, quiet=quiet)
    if given or form is not None:
        raise ConfigError(
            f"{network}: an integer network has its own form and widths; leave out --form and the settings"
        )
    from hwrts.cost.network import network_cost

    folder = network_folder(path, stage, quiet=quiet)
    widths = dict.fromkeys((*_ONE_WIDTH, *_OWN_WIDTHS))  # each layer has its own
    return network_cost(load_network(folder)), {"network": str(folder), "form": "integer", **widths}


def _cost_of_settings(
    network: str, form: str | None, given: dict[str, Any], *, quiet: bool
) -> tuple["Cost", dict[str, Any]]:
    from hwrts.config.network import OLD_NAMES
    from hwrts.cost.network import FORMS, in_form
    from hwrts.graph.trace import trace
    from hwrts.graph.weight_bits import check_settings, own_widths
    from hwrts.networks.build import build_network
    from hwrts.runs.budget import cost_of

    wanted = form or "x2"
    if wanted not in FORMS:
        raise ConfigError(f"--form {wanted!r} is not allowed: use {', '.join(FORMS)}")
    if network in (*_networks(), *OLD_NAMES):
        named = {"network.name": network} if len(_networks()) > 1 else {}
        config = resolve_config(None, {**named, **given})
    else:
        _check_settings(network)
        config = resolve_config(network, given, ConsoleProgress(quiet))
    qat = config.qat
    graph = in_form(trace(build_network(config.network).eval()), wanted, qat.pixel_bits, qat.skip_bits)
    check_settings(config.network, qat)
    found = cost_of(graph, qat)
    widths: dict[str, Any] = {name: getattr(qat, name) for name in _ONE_WIDTH}
    widths |= {name: own_widths(graph, getattr(qat, name)) for name in _OWN_WIDTHS}
    facts = {"network": network, "colour": config.network.colour, "form": wanted}
    return found, {**facts, **widths}


def _networks() -> tuple[str, ...]:
    from hwrts.config import NetworkConfig

    return network_names(NetworkConfig)


def network_names(section: "type[BaseModel]") -> tuple[str, ...]:
    """The networks that the settings know; without a choice of names there is Residual-N alone."""
    field = section.model_fields.get("name")
    return get_args(field.annotation) if field is not None else ("residual",)


def _check_settings(network: str) -> None:
    """Refuse what is neither a file nor the name of shipped settings."""
    path = Path(network)
    entries = (resources.files("hwrts") / "configs").iterdir()
    shipped = sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))
    if path.exists() or path.suffix == ".toml" or network in shipped:
        return
    known = [*_networks(), *shipped]
    hint = did_you_mean(network, known)
    raise ConfigError(
        f"{network!r}: no such network; {hint and hint + ' '}use {', '.join(known)}, "
        "a TOML file, or a run or stage folder"
    )


def cost_document(found: "Cost", video: "Mode") -> dict[str, Any]:
    """The same as plain values."""
    from dataclasses import asdict

    return {
        **found.as_json(),
        "mode": asdict(video),
        "as_input": found.at(video, "input").as_json(),
        "as_output": found.at(video, "output").as_json(),
    }


def _title(facts: dict[str, Any], found: "Cost") -> str:
    network = facts["network"]
    if facts["form"] == "integer":
        return f"{network}: the integers of a stage"
    widths = f"{_span(found.weight_widths)}-bit weights, {facts['activation_bits']}-bit activations"
    widths += f", {facts['hidden_bits']}-bit hidden tensors" if facts["hidden_bits"] is not None else ""
    widths += f", {facts['skip_bits']} bits where the picture is carried" if facts["skip_bits"] > 8 else ""
    of = " of luma" if facts["colour"] == "luma" else ""
    return f"{network}{of}: {facts['form']} form, {widths}"


def _count(value: int | Fraction) -> str:
    """A number of operations; of layers smaller than the input a pixel of it has a part of one."""
    return f"{value:,}" if isinstance(value, int) else f"{float(value):,.2f}"


def _print_layers(title: str, found: "Cost", video: "Mode", load: "Load") -> None:
    columns, rows = load.input_size
    table = []
    for layer in found.layers:
        register = layer.accumulator
        kind = {"Conv": f"Conv {layer.kernel}x{layer.kernel_columns}"}.get(layer.operator, layer.operator)
        traffic = (layer.read_bits + layer.written_bits) * columns * rows
        table.append(
            [
                layer.name,
                kind,
                str(layer.channels),
                f"{layer.weights:,}" if layer.weights else "",
                _count(layer.macs) if layer.macs else "",
                str(register.bits) if register else "",
                str(layer.line_rows),
                f"{float(layer.line_bits_per_column) * columns / KIB_BITS:.1f}",
                f"{float(traffic) / 8e6:.1f}",
            ]
        )
    headers = ["layer", "operator", "ch", "weights", "MAC/in px", "acc bits", "rows", "KiB", "MB/frame"]
    print_table(title, headers, table)
    print_line(
        f"KiB of line memory and MB of traffic for {video.name} at the output, {columns}x{rows} at the input"
    )


def _print_sums(found: "Cost") -> None:
    from hwrts.cost.network import BIAS_BITS
    from hwrts.graph.operators.prelu import SLOPE_BITS

    spans = {"weights": found.weight_widths, "tables": found.table_widths}
    stored = {name: _span(widths) for name, widths in spans.items()}
    stored |= {"biases": str(BIAS_BITS), "slopes": str(SLOPE_BITS)}
    memory = [
        f"{bits / KIB_BITS:,.2f} KiB of {name} ({stored[name]} bits)"
        for name, bits in found.memory_bits.items()
        if bits
    ]
    per_output = float(found.macs_per_output_pixel)
    side, factors = found.receptive_field, found.multiplications_per_input_pixel
    texts = {
        "parameters": f"{found.parameters:,}: {found.weights:,} weights, {found.biases:,} biases, "
        f"{found.slopes:,} slopes",
        "their memory": ", ".join(memory),
        "MAC": f"{_count(found.macs_per_input_pixel)} per input pixel, "
        f"{per_output:,.{0 if per_output.is_integer() else 2}f} per output pixel",
        "multiplications": f"{_count(factors)} per input pixel by constants and slopes",
        "receptive field": f"{side}x{side} input pixels" if side else "the whole picture",
        "latency": f"{found.latency_lines} input lines" if side else "a whole picture",
        **_not_streamable(found),
        "accumulator": f"{found.accumulator_bits} bits at most, "
        + ("proved" if found.proved else "whatever the weights; biases not counted"),
    }
    if found.multiple > 1:
        texts["sides"] = f"of the input are padded to multiples of {found.multiple}, by repeating the edge"
    print_line("")
    for name, text in texts.items():
        if name != "multiplications" or factors:
            print_line(f"{name:16} {text}")
    print_line("")


def _not_streamable(found: "Cost") -> dict[str, str]:
    """Why a network has no line memory, and what it needs in its place."""
    if not found.whole_frame:
        return {}
    names = ", ".join(found.whole_frame[:3]) + ", ..." * (len(found.whole_frame) > 3)
    return {
        "not streamable": f"{names}: made of the whole picture",
        "frame memory": f"{found.frame_bits} bits per input pixel at most, layer by layer",
    }


def _span(widths: set[int]) -> str:
    if not widths:
        return "no"
    return str(min(widths)) if len(widths) == 1 else f"{min(widths)}..{max(widths)}"


def _print_loads(video: "Mode", loads: "list[Load]", *, streamable: bool) -> None:
    rows = [
        [
            load.place,
            "x".join(map(str, load.input_size)),
            "x".join(map(str, load.output_size)),
            f"{load.macs_per_second / 1e9:,.1f}",
            f"{load.line_bits / KIB_BITS:,.1f}" if streamable else "none",
            f"{load.traffic_bits / 8e6:,.1f}",
            f"{load.traffic_bits * load.frames_per_second / 8e9:,.2f}",
            f"{load.streamed_bits * load.frames_per_second / 8e9:,.2f}" if streamable else "none",
        ]
        for load in loads
    ]
    columns = [
        f"{video.name} is",
        "input",
        "output",
        "GMAC/s",
        "line KiB",
        "MB/frame",
        "GB/s",
        "streamed GB/s",
    ]
    print_table("", columns, rows)
    print_line(
        "MB/frame, GB/s: each layer reads and writes memory; streamed: line memory holds all in between"
    )
