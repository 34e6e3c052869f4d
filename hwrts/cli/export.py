"""hwrts export: one folder with everything that a chip's team needs."""

from pathlib import Path
from typing import Annotated

import typer

from hwrts.cli.console import print_json, print_line
from hwrts.cli.options import RunArgument, StageOption
from hwrts.cli.stage import choose_network


def export(
    run: RunArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    stage: StageOption = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Hand over a stage that did not pass.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier hand-over.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Hand over one folder: ONNX, integer network, verdict, and a manifest with checksums."""
    from hwrts.errors import RunFolderError
    from hwrts.export.handover import check_target, hand_over
    from hwrts.files.lock import writing
    from hwrts.files.new_folder import new_folder
    from hwrts.runs.folder import open_run
    from hwrts.runs.proof import read_proof

    folder = open_run(run)
    chosen = choose_network(folder, stage)
    proof = read_proof(chosen)
    if proof.verdict != "PASSED" and not unverified:
        raise RunFolderError(
            f"{chosen.root}: not handed over, it is {proof.verdict}; "
            "run hwrts verify, or insist with --unverified"
        )
    source = {"run": folder.root.name, "stage": chosen.name}
    with writing(output):
        check_target(output, replace=force)
        with new_folder(output) as made:
            manifest = hand_over(made, chosen.root, proof.payloads, proof.verdict, source)
    if json:
        print_json(manifest)
        return
    for name, entry in manifest["files"].items():
        print_line(f"{entry['sha256'][:16]}  {entry['bytes']:>9,} bytes  {output / name}")
    print_line(f"verdict: {manifest['verdict']}")
