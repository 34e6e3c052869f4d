"""One folder with everything that a chip's team needs, of a network that is proved."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from hwrts.errors import NotWrittenError, RunFolderError
from hwrts.export.handover import check_target, hand_over
from hwrts.export.kit.files import SUMS
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.fixed_point import load_network
from hwrts.progress import Progress
from hwrts.report import write_report
from hwrts.runs.circuit import AskedCircuit
from hwrts.runs.exports import remember
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.formats import Made, kit_of, needs_pictures
from hwrts.runs.handover import HandOver, check_without, handover_kit
from hwrts.runs.proof import read_proof
from hwrts.runs.target import DEFAULT, Asked, target_entry
from hwrts.runs.verify_inputs import load_fed


def export_stage(
    run: RunFolder,
    chosen: StageFolder,
    output: Path,
    asked: Asked,
    progress: Progress,
    warn: Callable[[str], None],
    *,
    unverified: bool,
    force: bool,
    formats: Sequence[str] = (),
    circuit: AskedCircuit | None = None,
    without: Collection[str] | None = None,
) -> dict[str, Any]:
    """Make the folder; returns its manifest.

    Args:
        run: The run.
        chosen: The network's stage.
        output: The folder.
        asked: Whose file, and how it is to be.
        progress: Where to say how far it is.
        warn: Where to say that the run's report is not told of it.
        unverified: Also of a network that did not pass.
        force: Replace an earlier hand-over.
        formats: What else it holds, of :data:`hwrts.runs.formats.FORMATS`.
        circuit: How that of "rtl" is folded.
        without: Make the kit of :mod:`hwrts.runs.handover`, without these forms; None makes none.

    Raises:
        HwrtsError: It did not pass, the target cannot be told it, or the folder is taken.
    """
    check_without(without or ())
    proof = read_proof(chosen)
    if proof.verdict != "PASSED" and not unverified:
        raise RunFolderError(
            f"{chosen.root}: not handed over, it is {proof.verdict}; "
            "run hwrts verify, or insist with --unverified"
        )
    network = load_network(chosen.root)
    asked_circuit = circuit or AskedCircuit()
    asked_circuit.settings(network)  # refuses what cannot be, before anything takes time
    with writing(output):  # before clients run, which can take minutes; and again when the folder is made
        check_target(output, replace=force)
    sums = None
    if without is None:
        pictures = load_fed(run, network) if needs_pictures(formats) else {}
        whole = HandOver(kit_of(network, formats, asked_circuit, pictures))
    else:
        made = Made(network, asked_circuit, load_fed(run, network))
        title = f"{run.root.name}, stage {chosen.name}"
        whole, sums = handover_kit(made, proof, title, without, progress), SUMS
    kit = whole.kit
    with progress.task(f"target {asked.target or DEFAULT}", 1) as advance:
        entry, files = target_entry(run, chosen, asked)
        advance(1, "")
    source = {"run": run.root.name, "stage": chosen.name}
    with writing(output):
        check_target(output, replace=force)
        with new_folder(output) as folder:
            files = {**files, **kit.files}
            manifest = hand_over(
                folder,
                chosen.root,
                proof.payloads,
                proof.verdict,
                source,
                entry,
                files,
                kit.take,
                whole.more,
                sums,
            )
    if asked.target is not None:  # the file that is handed over unasked says nothing that verify does not
        try:
            with writing(run.root):
                remember(run, manifest)
                if run.trained:
                    write_report(run)
        except NotWrittenError as error:
            warn(f"nothing was written: {error}")
        except RunFolderError as error:  # the hand-over is there, and complete
            warn(f"warning: not in the run's report: {error}")
    return manifest
