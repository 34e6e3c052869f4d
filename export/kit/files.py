"""What binds the forms of a network into a kit: a README, a Makefile that checks all of it, and a report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hwrts.export.templates import filled_file
from hwrts.export.vectors.document import visible
from hwrts.fixed_point import Network

CHECK = "check"
"""Folder of the program that checks the C model."""
SUMS = "SHA256SUMS"
"""What ``sha256sum -c`` reads."""
REPORT = "report.md"


@dataclass(frozen=True)
class Facts:
    """What is said of a kit.

    Attributes:
        title: Run and stage.
        verdict: What the network is worth, as the manifest says.
        compared: Codes that were compared when it was proved; None where it was not.
        has_verdict: Whether the kit has a verify.json.
        made_by: This package and its version.
        sha256: Of network.npz: what every form is made of.
        inside: Formats, shifts and proofs, as ``hwrts inspect`` has them.
        proofs_reached: Whether attacks reach both ends of every proved interval.
        cost: As ``hwrts cost`` has it.
        circuit: Counts of the circuit; None where there is none.
        cases: Of the vectors.
        programs: Cases of each program that checks the C model; none where there is no model.
        intrinsics: Whether the C model has sums with intrinsics too.
        circuits: How many circuits are tried, the whole one and those of layers.
        not_alone: Layers that the circuit is tried with in the network alone, and why.
        left_out: Forms that the kit does not have, and why.
        luma: How what a network of luma sees is made of a picture, and put back; None of others.
    """

    title: str
    verdict: str
    compared: int | None
    has_verdict: bool
    made_by: str
    sha256: str
    inside: Mapping[str, Any]
    proofs_reached: bool
    cost: Mapping[str, Any]
    cases: int
    circuit: Mapping[str, Any] | None = None
    programs: Mapping[str, int] = field(default_factory=dict)
    intrinsics: bool = False
    circuits: int = 0
    not_alone: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    luma: Mapping[str, str] | None = None

    @property
    def gaps(self) -> list[str]:
        """What the kit does not have or does not check, a line each: the same in README and manifest."""
        missing = [f"{name}: not in this kit. {why}" for name, why in self.left_out.items()]
        return missing + [f"rtl: {name} is not tried alone: {why}" for name, why in self.not_alone.items()]


def kit_files(network: Network, facts: Facts) -> dict[str, str]:
    """README.md, Makefile, report.md and report.json, by name.

    Args:
        network: The integer network.
        facts: What was found of it.
    """
    values: dict[str, Any] = {
        "facts": facts,
        "network": network,
        "visible": visible,
        "check": CHECK,
        "sums": SUMS,
        "layers": [program for program in facts.programs if program != "network"],
    }
    report = {
        "schema": "hwrts.report",
        "schema_version": 1,
        "verdict": facts.verdict,
        "codes_compared": facts.compared,
        "network_sha256": facts.sha256,
        "inside": facts.inside,
        "cost": facts.cost,
        "circuit": facts.circuit,
        "gaps": facts.gaps,
    }
    names = ("README.md", "Makefile", REPORT)
    files = {name: filled_file("hwrts.export.kit", f"{name}.j2", **values) for name in names}
    return files | {"report.json": json.dumps(report, indent=1) + "\n"}
