"""The kit of ``hwrts handover``: every form of a network, what checks them, and what is said of them."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hwrts import __version__
from hwrts.cost.inside import describe, reached
from hwrts.cost.network import network_cost
from hwrts.data.luma import Luma
from hwrts.errors import ConfigError, HwrtsError
from hwrts.export.c import check_rows
from hwrts.export.c.check import check_files
from hwrts.export.c.model import HEADER_X86
from hwrts.export.handover import VERDICT_NAME
from hwrts.export.kit import Facts, kit_files
from hwrts.export.kit.files import CHECK, REPORT
from hwrts.export.rtl import circuit_of
from hwrts.export.rtl.counts import counts_of
from hwrts.export.vectors.files import MANIFEST
from hwrts.fixed_point import NPZ_NAME
from hwrts.progress import Progress
from hwrts.runs.formats import FORMATS, RTL, VECTORS, Kit, Made
from hwrts.runs.proof import Proof
from hwrts.runs.versions import library_versions

C = "c"
OPTIONAL = (C, RTL)
"""Forms that a kit can do without; vectors say every network."""
_POSSIBLE: dict[str, Callable[[Made], object]] = {
    C: lambda made: check_rows(made.network),
    RTL: lambda made: circuit_of(made.network, made.circuit.settings(made.network)),
}
"""What refuses a network that has no such form, without a file of it being made."""


@dataclass(frozen=True)
class HandOver:
    """A kit, and what its manifest says beside the files.

    Attributes:
        kit: The files.
        more: Entries of the manifest.
    """

    kit: Kit
    more: dict[str, Any] = field(default_factory=dict)


def check_without(without: Collection[str]) -> None:
    """Refuse to leave out what is no form, or what a kit is nothing without.

    Raises:
        ConfigError: Names it.
    """
    for name in without:
        if name not in OPTIONAL:
            raise ConfigError(f"--without {name:.40}: cannot be left out; use {' or '.join(OPTIONAL)}")


def handover_kit(
    made: Made,
    proof: Proof,
    title: str,
    without: Collection[str],
    progress: Progress,
    luma: Luma | None = None,
) -> HandOver:
    """All forms, and README, Makefile, report and the C program that checks.

    Args:
        made: What forms are made of.
        proof: What the network is worth.
        title: Run and stage.
        without: Forms of :data:`OPTIONAL` to leave out.
        progress: Where to say which form is written.
        luma: What the network sees of a picture; None if that is all of it, or nobody says.

    Raises:
        HwrtsError: A form that is not left out cannot say the network.
    """
    kit, left_out = Kit(), dict[str, str]()
    with progress.task("kit", 1 + len(OPTIONAL) + 1) as advance:
        for done, name in enumerate((VECTORS, *OPTIONAL), 1):
            found = _form(made, name, without, left_out)
            kit.files |= found.files
            kit.take |= found.take
            advance(done, name)
        facts = facts_of(made, proof, title, left_out, kit)
        if luma is not None:
            facts = replace(facts, luma=luma.as_json(made.network.inputs[0].out.bits))
        advance(done + 1, "report")
    kit.files |= {name: text.encode() for name, text in kit_files(made.network, facts).items()}
    kit.take |= {"README.md": "whoever opens the folder first", REPORT: "widths, proofs and costs"}
    more = {
        "made_by": facts.made_by,
        "versions": library_versions(),
        "network_sha256": facts.sha256,
        "left_out": left_out,
        "gaps": facts.gaps,
    }
    return HandOver(kit, more)


def _form(made: Made, name: str, without: Collection[str], left_out: dict[str, str]) -> Kit:
    """A form; why it is left out is noted, also where the network has none."""
    if name not in without:
        try:
            return FORMATS[name](made)
        except HwrtsError as error:
            if name not in OPTIONAL:
                raise
            raise type(error)(f"{error}; or hand over the rest with --without {name}") from error
    try:
        _POSSIBLE[name](made)
    except HwrtsError as error:
        left_out[name] = f"The network has none: {error}"
    else:
        left_out[name] = f"Left out by --without {name}; the network could have it"
    return Kit()


def facts_of(made: Made, proof: Proof, title: str, left_out: Mapping[str, str], kit: Kit) -> Facts:
    """What is said of a kit; the programs that check its C model are added to it."""
    network, cases = made.network, json.loads(made.vectors[MANIFEST])["cases"]
    settings = made.circuit.settings(network)
    inside = describe(network, settings.widest)
    programs: dict[str, int] = {}
    if C not in left_out:
        files, programs = check_files(network, cases)
        kit.files |= {f"{CHECK}/{name}": text.encode() for name, text in files.items()}
    circuit: dict[str, Any] | None = None
    circuits, not_alone = 0, dict[str, str]()
    if RTL not in left_out:
        circuit = counts_of(circuit_of(network, settings)).as_json() | {"widest": settings.widest}
        circuits = sum(name.endswith("/hwrts_top.v") for name in kit.files)
        not_alone = json.loads(kit.files[f"{RTL}/circuit.json"])["not_alone"]
    return Facts(
        title=title,
        verdict=proof.verdict,
        compared=_compared(proof),
        has_verdict=VERDICT_NAME in proof.payloads,
        made_by=f"hwrts {__version__}",
        sha256=hashlib.sha256(proof.payloads[NPZ_NAME]).hexdigest(),
        inside=inside,
        proofs_reached=all(map(reached, inside["layers"])),
        cost=network_cost(network).as_json(),
        cases=len(cases),
        circuit=circuit,
        programs=programs,
        intrinsics=f"{C}/{HEADER_X86}" in kit.files,
        circuits=circuits,
        not_alone=not_alone,
        left_out=left_out,
    )


def _compared(proof: Proof) -> int | None:
    """Codes that were compared, of a stage that passed: then its verify.json is whole."""
    if proof.verdict != "PASSED":
        return None
    return int(json.loads(proof.payloads[VERDICT_NAME])["compared"])
