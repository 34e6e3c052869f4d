"""A stage's network with its correction adjusted, proved anew from the bytes that are handed over."""

import hashlib
import json
import tempfile
from pathlib import Path

from hwrts import __version__
from hwrts.export import to_onnx, verify
from hwrts.export.handover import ONNX_NAME, VERDICT_NAME
from hwrts.files.atomic import text_bytes
from hwrts.fixed_point import JSON_NAME, NPZ_NAME, Adjusted, Network, adjusted, load_network, save_network
from hwrts.progress import Progress
from hwrts.runs.folder import RunFolder, StageFolder
from hwrts.runs.proof import Proof
from hwrts.runs.strength import said_of, words_of
from hwrts.runs.verify_inputs import load_fed
from hwrts.runs.versions import library_versions


def adjusted_proof(
    run: RunFolder, stage: StageFolder, how: Adjusted, progress: Progress
) -> tuple[Network, Proof]:
    """The adjusted network, its files, and what every witness says of each of its layers.

    Torch is no witness of it, for nothing of it was trained: of the layers before the correction it has
    spoken in the stage's own verdict, and they are the same.

    Args:
        run: The run, whose photographs it is compared on.
        stage: Its stage.
        how: What is done to the correction.
        progress: Where to say how far it is.

    Raises:
        HwrtsError: The network has no correction, or a file is damaged.
    """
    network = adjusted(load_network(stage.root), how)
    source = ", ".join([run.root.name, f"stage {stage.name}", *words_of(how)])
    metadata = {"hwrts_version": __version__, "source": text_bytes(source).decode()}
    payloads = {ONNX_NAME: to_onnx(network, metadata=metadata).SerializeToString()}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        save_network(network, folder)
        payloads |= {name: (folder / name).read_bytes() for name in (JSON_NAME, NPZ_NAME)}
        network = load_network(folder)  # what is handed over, and no other
    with progress.task("comparing bits of the adjusted network", 1) as advance:
        verdict = verify(network, payloads[ONNX_NAME], load_fed(run, network))
        advance(1, "")
    verdict.facts |= {
        "stage": stage.name,
        "adjusted": said_of(how),
        "sha256": {name: hashlib.sha256(payload).hexdigest() for name, payload in payloads.items()},
        "versions": library_versions(),
    }
    payloads[VERDICT_NAME] = (json.dumps(verdict.as_json(), indent=1) + "\n").encode()
    return network, Proof(payloads, "PASSED" if verdict.passed else "FAILED", ())
