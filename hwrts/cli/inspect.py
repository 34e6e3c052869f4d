"""hwrts inspect: an integer network's formats, accumulator proofs and line memory, from its file alone."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hwrts.cli.console import print_json, print_line, print_table
from hwrts.cli.options import Quiet, StageOption, run_folders
from hwrts.cli.stage import network_folder


def inspect(
    network: Annotated[
        Path,
        typer.Argument(
            help="Run folder, or one with network.json and network.npz.", autocompletion=run_folders
        ),
    ],
    stage: StageOption = None,
    layer: Annotated[
        str | None,
        typer.Option(help="Show each accumulator of this layer, channel by channel.", show_default=False),
    ] = None,
    width: Annotated[int, typer.Option(help="Width of a picture row for the line memory.", min=1)] = 1920,
    json: Annotated[
        bool, typer.Option("--json", help="Print everything, channel by channel, as JSON.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Show what an integer network computes with: formats, shifts, proved accumulators, line memory."""
    from hwrts.cost.inside import describe, reached
    from hwrts.fixed_point import load_network

    folder = network_folder(network, stage, quiet=quiet)
    description = describe(load_network(folder), width)
    if json:
        print_json({"network": str(folder), **description})
    elif layer is not None:
        _print_channels(description, layer)
    else:
        _print_layers(str(folder), description)
    if not all(reached(entry) for entry in description["layers"]):
        raise typer.Exit(1)  # a proof that no input attains, or that one passes


def _print_layers(title: str, description: dict[str, Any]) -> None:
    from hwrts.cost.inside import reached

    rows = []
    for entry in description["layers"]:
        row = [entry["name"], _kernel_text(entry), entry["format"], "", "", "", "", ""]
        row += [str(entry["line_buffer_rows"]), f"{entry['line_buffer_bytes'] / 1024:.1f}"]
        if "accumulator" in entry:
            proof, shifts = entry["accumulator"], entry["shift"]
            interval = f"{min(proof['lowest']):,} .. {max(proof['highest']):,}"
            exact = "float32" if "float32" in proof["exact_in"] else "float64"
            shift = str(shifts[0]) if len(set(shifts)) == 1 else f"{min(shifts)}..{max(shifts)}"
            row[3:8] = [str(entry.get("weight_bits", "")), shift, interval, str(max(proof["bits"])), exact]
        rows.append(row)
    columns = ["layer", "kernel", "format", "w\nbits", "shift", "accumulator", "bits", "exact\nin"]
    columns += ["rows", "KiB"]
    rules = description["rounding"], description["rounding_of_additions"]
    rounding = rules[0] if len(set(rules)) == 1 else "{}, of additions {}".format(*rules)
    print_table(f"{title}: rounding {rounding}", columns, rows, ["exact\nin"])
    attacked = [entry for entry in description["layers"] if "attacked" in entry]
    count = sum(reached(entry) for entry in attacked)
    print_line(f"worst-case inputs reach the interval's ends in {count} of {len(attacked)} layers")
    if (text := _sizes_text(**description["sizes"])) is not None:
        print_line(text)
    if description["whole_frame"]:
        print_line(
            f"not streamable: {', '.join(description['whole_frame'])} made of the whole picture; layer by "
            f"layer it keeps {description['frame_bits_per_input_pixel']} bits per input pixel at most"
        )
        return
    print_line(
        f"line memory at {description['width']} pixels: {description['line_buffer_bytes'] / 1024:.1f} KiB "
        f"(rows of the tensors that each layer reads), latency {description['latency_rows']} rows"
    )


def _kernel_text(entry: dict[str, Any]) -> str:
    """Sides of a convolution's kernel, and whichever of its groups, stride and dilation is not 1.

    >>> _kernel_text({"kernel": [3, 1], "groups": 8, "stride": 2}), _kernel_text({"operator": "Add"})
    ('3x1 g8 s2', '')
    """
    shown = [f"{name[0]}{entry[name]}" for name in ("groups", "stride", "dilation") if name in entry]
    return " ".join(["x".join(map(str, entry.get("kernel", ()))), *shown])


def _sizes_text(scale: float, multiple: int, smallest: list[int], lacks: list[int]) -> str | None:
    """What is done with pictures of which the network does not take every size; None if it does.

    >>> print(_sizes_text(0.5, 4, [8, 4], [2, 0]))
    sides: padded to multiples of 4, at least 8 rows, by repeating the edge at the right and bottom, and cut;
    of H rows and W columns it makes ceil(0.5*H) - 2 rows and ceil(0.5*W) columns
    """
    if multiple == 1 and max(smallest) == 1 and not any(lacks):
        return None
    sides = zip(smallest, ("rows", "columns"), strict=True)
    least = [f"{size} {what}" for size, what in sides if size > multiple]
    wanted = [f"multiples of {multiple}"] if multiple > 1 else []
    wanted += [f"at least {' and '.join(least)}"] if least else []
    times = "{}" if scale == 1 else f"{scale}*{{}}" if isinstance(scale, int) else f"ceil({scale:g}*{{}})"
    made = [
        times.format(side) + (f" - {lack}" if lack else "") + f" {what}"
        for side, lack, what in zip("HW", lacks, ("rows", "columns"), strict=True)
    ]
    padded = f"padded to {', '.join(wanted)}, by repeating the edge at the right and bottom, and cut"
    return f"sides: {padded if wanted else 'any'};\nof H rows and W columns it makes {' and '.join(made)}"


def _print_channels(description: dict[str, Any], name: str) -> None:
    from hwrts.errors import HwrtsError

    known = [entry["name"] for entry in description["layers"] if "accumulator" in entry]
    if name not in known:
        raise HwrtsError(f"inspect: no layer with accumulators named {name!r}; there are {', '.join(known)}")
    entry = next(entry for entry in description["layers"] if entry["name"] == name)
    proof, attacked = entry["accumulator"], entry["attacked"]
    rows = [
        [
            str(o),
            str(entry["shift"][o]),
            f"{proof['lowest'][o]:,}",
            f"{attacked['lowest'][o]:,}",
            f"{proof['highest'][o]:,}",
            f"{attacked['highest'][o]:,}",
            str(proof["bits"][o]),
            f"{proof['partial_sum'][o]:,}",
        ]
        for o in range(len(proof["bits"]))
    ]
    columns = ["channel", "shift", "lowest", "attacked", "highest", "attacked", "bits", "any partial sum <="]
    print_table(f"{name}: {entry['format']}, exact in {', '.join(proof['exact_in'])}", columns, rows)
