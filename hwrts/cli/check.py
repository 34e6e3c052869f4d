"""hwrts quantize --check: what would become of a user's module, in seconds, without any photograph."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hwrts.cli.console import LONGEST_REFUSAL, ConsoleProgress, print_error, print_json, print_line
from hwrts.cli.cost import cost_document, print_cost
from hwrts.command_line import command_line
from hwrts.cost.modes import mode_named
from hwrts.errors import UnsupportedOperatorError

if TYPE_CHECKING:
    from hwrts.data.luma import Luma

MODE = "2160p60"
"""Video mode that line memory and throughput are printed for: today's television."""


def check_own(
    reference: str,
    weights: Path | None,
    settings: dict[str, Any],
    progress: ConsoleProgress,
    luma: "Luma | None" = None,
    *,
    as_json: bool,
) -> bool:
    """Print whether a module can be quantised, and what its integers would cost.

    Args:
        reference: "my_file.py:build".
        weights: File of its state_dict.
        settings: Of QatConfig: widths.
        progress: Where to say which part of the weights was taken.
        luma: Which Y' a module of one channel sees; None if nobody says it.
        as_json: Print a document for programs; a refusal is one as well.

    Returns:
        Whether it is accepted.
    """
    from hwrts.graph.user_code import own_code

    try:
        with own_code(reference):
            document, title, found = _checked(reference, weights, settings, progress, luma)
    except UnsupportedOperatorError as error:
        if as_json:
            print_json({"module": reference, "accepted": False, "refused": str(error)})
        else:
            print_error(str(error), LONGEST_REFUSAL)
        return False
    mode = mode_named(MODE)
    if as_json:
        print_json({**document, **cost_document(found, mode)})
        return True
    print_cost(title, found, mode)
    print_line("")
    for line in document["notes"]:
        print_line(line)
    print_line(f"ACCEPTED: {reference}, {document['size']}; traced by {document['traced_by']}")
    print_line(f"next: {command_line('quantize', reference)}")
    return True


def _checked(
    reference: str,
    weights: Path | None,
    settings: dict[str, Any],
    progress: ConsoleProgress,
    luma: "Luma | None",
) -> tuple[dict[str, Any], str, Any]:
    from hwrts.api.quantize import own_qat
    from hwrts.cost.network import in_form
    from hwrts.fixed_point import scales_of
    from hwrts.graph import graph_steps
    from hwrts.graph.deploy import deploy_form
    from hwrts.runs.budget import cost_of
    from hwrts.runs.own_check import check_own_module
    from hwrts.runs.own_module import load_own
    from hwrts.runs.own_pixels import check_pixels, with_pixels
    from hwrts.runs.quantise import check_kept
    from hwrts.runs.quantise_own import named_widths

    qat = own_qat(settings, as_flags=True)
    checked = check_own_module(with_pixels(load_own(reference, weights, progress), qat.pixel_bits, luma))
    bits_said = check_pixels(checked, deploy_form(checked.graph), luma)
    graph = in_form(checked.graph, "x2", qat.pixel_bits, qat.skip_bits)
    qat = named_widths(checked, qat)
    with TemporaryDirectory() as folder:
        check_kept(graph, Path(folder))
    found = cost_of(graph, qat)
    scale = scales_of(graph_steps(graph))[graph.output]
    lacks = checked.sizes.lacks
    size = f"x{scale}" if scale != 1 else "same size" if any(lacks) else "same size in and out"
    if any(lacks):
        size += f" less {lacks[0]} rows and {lacks[1]} columns"
    document = {
        "module": reference,
        "accepted": True,
        "traced_by": checked.door,
        "size": size,
        "notes": [note for note in (checked.feeder.said(), bits_said, *checked.notes) if note],
    }
    return document, f"{reference}: as it would be deployed", found
