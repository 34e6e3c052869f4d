"""One folder with everything that a chip's team needs, of a network that is proved."""

from collections.abc import Callable, Collection, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, get_type_hints

from hwrts.api.door import check_types
from hwrts.errors import ConfigError, NotWrittenError, RunFolderError
from hwrts.export.handover import check_target, hand_over
from hwrts.export.kit.files import SUMS
from hwrts.files.lock import writing
from hwrts.files.new_folder import new_folder
from hwrts.fixed_point import Adjusted, load_network
from hwrts.progress import Progress
from hwrts.report import write_report
from hwrts.runs.adjusted import adjusted_proof
from hwrts.runs.circuit import AskedCircuit
from hwrts.runs.exports import remember
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.formats import Made, kit_of, needs_pictures
from hwrts.runs.handover import HandOver, check_without, handover_kit
from hwrts.runs.proof import read_proof
from hwrts.runs.strength import said_of, words_of
from hwrts.runs.target import DEFAULT, Asked, check_adjustable, target_entry
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
    how: Adjusted | None = None,
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
        how: What is done to the network's correction; every witness is compared again then.

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
    if how is None:
        network = load_network(chosen.root)
    else:
        check_adjustable(asked)
        network, proof = adjusted_proof(run, chosen, how, progress)
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
        title = ", ".join([run.root.name, f"stage {chosen.name}", *words_of(how)])
        whole, sums = handover_kit(made, proof, title, without, progress, chosen.luma), SUMS
    kit = whole.kit
    with progress.task(f"target {asked.target or DEFAULT}", 1) as advance:
        entry, files = target_entry(run, chosen, asked, None if how is None else network)
        advance(1, "")
    more = whole.more
    if chosen.luma is not None:
        more = {"luma": chosen.luma.as_json(network.inputs[0].out.bits), **more}
    source = {"run": run.root.name, "stage": chosen.name, **said_of(how)}
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
                more,
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


def asked_for(
    target: str | None,
    size: tuple[int, int] | None,
    opset: int | None,
    ir_version: int | None,
    check: bool,
    formats: str | Sequence[str],
    circuit: Mapping[str, Any] | None,
) -> tuple[Asked, tuple[str, ...], AskedCircuit]:
    """What a program asks of a hand-over, in the types that the command line makes.

    Raises:
        ConfigError: A size that is none, or a circuit of what is no "rtl" or with an entry that there is not.
    """
    forms = (formats,) if isinstance(formats, str) else tuple(formats)
    shape = None
    if size is not None:
        if len(size) != 2 or not all(isinstance(side, Integral) and 0 < side < 100_000 for side in size):
            raise ConfigError(f"size={size!r:.40}: is no height and width; give a pair such as (360, 640)")
        shape = f"{size[0]}x{size[1]}"
    if circuit and "rtl" not in forms:
        raise ConfigError("circuit: is of the format rtl; give formats='rtl' too")
    known = get_type_hints(AskedCircuit)
    for key in circuit or {}:
        if key not in known:
            raise ConfigError(f"circuit: {key!r} is not known; use {', '.join(known)}")
    check_types("circuit", circuit or {}, known)
    return Asked(target, shape, opset, ir_version, check), forms, AskedCircuit(**(circuit or {}))
