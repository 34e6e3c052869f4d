"""hwrts sensitivity: what each layer's weights are worth, and the widths that follow for a budget."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwrts.cli.console import ConsoleProgress, print_json, print_line, print_table, wrote
from hwrts.cli.options import Quiet, RunArgument, StageOption
from hwrts.cli.stage import choose_network
from hwrts.cli.widths import Budget, parse_widths
from hwrts.command_line import command_line
from hwrts.errors import RunFolderError

if TYPE_CHECKING:
    from hwrts.runs.folder import RunFolder, StageFolder
    from hwrts.sensitivity.measure import Sensitivity
    from hwrts.sensitivity.mixed import Choice


def sensitivity(
    run: RunArgument,
    stage: StageOption = None,
    bits: Annotated[str, typer.Option(help="Widths to try: a range such as 2-7, or a list such as 4,6.")] = (
        "2-7"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print what was measured as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Set one layer's weights at a time to fewer bits and measure what the picture loses."""
    from hwrts.files.lock import writing
    from hwrts.runs.folder import open_run

    widths = parse_widths("--bits", bits, largest=7)
    folder = open_run(run)
    if not folder.trained:
        raise RunFolderError(
            f"{run}: is of a module of your own, whose photographs are not kept; "
            "sensitivity measures stages of hwrts run"
        )
    chosen = choose_network(folder, stage, quiet=quiet)
    with writing(run, may_be_read_only=True):
        found, document, written = _measured(folder, chosen, widths, ConsoleProgress(quiet))
    path = chosen.root / "sensitivity.json"
    if json:
        print_json(document)
        return
    print_sensitivity(f"{run}: stage {chosen.name}", found)
    if written:
        print_line(f"files: {path} and {path.with_suffix('.svg').name}")
    words = ["quantize", run, "--stage", chosen.number, *["--same-size"] * chosen.same_size]
    print_line(f"next:  {command_line(*words, '--weight-kib', 'KIB')}")


def choose(
    folder: "RunFolder", stage: "StageFolder", budget: Budget, progress: ConsoleProgress
) -> "tuple[Choice, Sensitivity]":
    """The widths for a budget, and the stage's sensitivity behind it: the known one, or measured now."""
    from hwrts.sensitivity.file import known_sensitivity
    from hwrts.sensitivity.measure import NARROWER
    from hwrts.sensitivity.mixed import choose_widths

    known = known_sensitivity(stage, [bits for bits in NARROWER if bits in budget.widths])
    found = known or _measured(folder, stage, NARROWER, progress)[0]
    return choose_widths(found, budget.kib, budget.widths), found


def print_choice(title: str, choice: "Choice", found: "Sensitivity", budget: Budget) -> None:
    """The chosen width of each layer, and what it is predicted to cost."""
    from hwrts.cost.modes import KIB_BITS
    from hwrts.metrics import error_db

    rows = []
    for layer in found.layers:
        bits = choice.widths[layer.name]
        rows.append(
            [
                layer.name,
                f"{layer.weights:,}",
                str(layer.weight_bits),
                str(bits),
                f"{layer.weights * bits / KIB_BITS:.3f}",
                f"{layer.errors[bits]:.3f}",
            ]
        )
    print_table(title, ["layer", "weights", "bits", "chosen", "KiB", "MSE, codes^2"], rows)
    print_line(
        f"weights {choice.weight_bits / KIB_BITS:.3f} of {budget.kib:g} KiB; predicted against int8, before "
        f"fine-tuning: MSE {choice.mse:.3f} codes^2, {error_db(choice.mse):.2f} dB"
    )


def print_sensitivity(title: str, found: "Sensitivity") -> None:
    """A table of PSNR against the int8 output, and one of the loss against each reference."""
    from hwrts.cost.modes import KIB_BITS
    from hwrts.metrics import error_db

    widths = sorted({each.weight_bits for layer in found.layers for each in layer.reduced}, reverse=True)
    tried = [f"{bits} bits" for bits in widths]

    def cells(layer_text: dict[int, str]) -> list[str]:
        return [layer_text.get(bits, "") for bits in widths]

    rows = []
    for layer in found.layers:
        psnr = {each.weight_bits: f"{error_db(each.mse_int8):.2f}" for each in layer.reduced}
        saved = f"{layer.weights / KIB_BITS:.3f}"
        rows.append([layer.name, f"{layer.weights:,}", str(layer.weight_bits), saved, *cells(psnr)])
    columns = ["layer", "weights", "bits", "KiB a bit", *tried]
    print_table(f"{title}: PSNR against its int8 output with one layer on fewer bits, dB", columns, rows)
    for reference, psnr_db in found.psnr_db.items():
        rows = []
        for layer in found.layers:
            lost = {each.weight_bits: f"{found.loss_db(each, reference):.3f}" for each in layer.reduced}
            rows.append([layer.name, *cells(lost)])
        print_line("")
        text = f"loss against the {reference}, dB; int8 has {psnr_db:.2f}"
        if reference in found.bicubic_db:
            text += f", bicubic {found.bicubic_db[reference]:.2f}"
        print_table(text, ["layer", *tried], rows)


def _measured(
    folder: "RunFolder", stage: "StageFolder", widths: Collection[int], progress: ConsoleProgress
) -> "tuple[Sensitivity, dict[str, Any], bool]":
    from hwrts.data import open_store
    from hwrts.files.atomic import write_atomic
    from hwrts.report.plots import standalone_svg
    from hwrts.report.sensitivity import sensitivity_plot
    from hwrts.sensitivity.file import measure_stage, save_sensitivity

    found, document = measure_stage(stage, open_store(folder.root / "data" / "val"), widths, progress)

    def save() -> None:
        save_sensitivity(stage, document)
        write_atomic(stage.root / "sensitivity.svg", standalone_svg(sensitivity_plot(found)).encode())

    return found, document, wrote(save)
