"""A folder of vectors, as somebody has it who has no run, beside what a simulator or firmware wrote."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwrts.errors import ConfigError, RunFolderError, did_you_mean
from hwrts.export.vectors.check import MEM, NPY, Counts, count
from hwrts.export.vectors.files import MANIFEST, SCHEMA
from hwrts.files.read import read_bytes, read_versioned
from hwrts.fixed_point.stored import unpack_npy
from hwrts.runs.vectors_file import VectorsFile

AGAIN = "copy the folder of vectors again, or write it with hwrts export --format vectors"


@dataclass(frozen=True)
class Compared:
    """A file that somebody wrote.

    Attributes:
        file: Its name.
        case: Id of the case.
        tensor: Id of the tensor.
        counts: What came of it.
        accumulators: Whether it holds those and no codes.
        reason: Accumulator, shift and rounding of its first difference, as far as the layer has them.
    """

    file: str
    case: str
    tensor: str
    counts: Counts
    accumulators: bool = False
    reason: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """All files.

    Attributes:
        compared: Those that the vectors have, in the order of computation.
        missing: Stems of outputs that nobody wrote, of cases that were tried.
        untried: Ids of cases of which there is no file at all.
        extra: Names of files that the vectors do not know.
        partial: Whether cases may be left out.
    """

    compared: list[Compared]
    missing: list[str]
    untried: list[str]
    extra: list[str]
    partial: bool = False

    @property
    def passed(self) -> bool:
        """Whether every code is there, and the same."""
        whole = not self.missing and (self.partial or not self.untried)
        return whole and all(each.counts.right for each in self.compared)

    def total(self, what: str) -> int:
        """The sum of a field of all counts."""
        return sum(int(getattr(each.counts, what)) for each in self.compared)


class Vectors:
    """A folder of vectors.

    Args:
        root: The folder, or the hand-over that it is in.

    Raises:
        RunFolderError: It is none, or its manifest is damaged.
    """

    def __init__(self, root: Path) -> None:
        inside = root / "vectors"
        self.root = inside if (inside / MANIFEST).is_file() else root
        if not (self.root / MANIFEST).is_file():
            raise RunFolderError(f"{root}: holds no vectors ({MANIFEST} is missing); {AGAIN}")
        self.manifest = read_versioned(self.root / MANIFEST, VectorsFile, SCHEMA, 1, AGAIN)
        self.layers: dict[str, dict[str, Any]] = {each["id"]: each for each in self.manifest["layers"]}
        self.cases: dict[str, dict[str, Any]] = {each["id"]: each for each in self.manifest["cases"]}

    def array(self, entry: Mapping[str, Any]) -> NDArray[Any]:
        """An array, as it was written.

        Raises:
            RunFolderError: Its file is another one.
        """
        name = f"npy/{entry['stem']}.npy"
        content = read_bytes(self.root / name, remedy=AGAIN)
        told = self.manifest["files"].get(name, {}).get("sha256")
        if hashlib.sha256(content).hexdigest() != told:
            raise RunFolderError(f"{self.root / name}: damaged, the manifest has another sha256; {AGAIN}")
        try:
            return unpack_npy(content).reshape(entry["shape"])
        except ValueError as error:
            raise RunFolderError(f"{self.root / name}: damaged ({error}); {AGAIN}") from error

    def check(self, outputs: Path, names: Sequence[str] = (), *, partial: bool = False) -> Checked:
        """Compare what is in a folder of outputs, files ``STEM.mem`` and ``STEM.npy``.

        Args:
            outputs: The folder.
            names: Ids of cases; none takes all.
            partial: Cases of which there is no file are left out and not missing.

        Raises:
            HwrtsError: There is no such case, nothing to compare, or a file that holds something else.
        """
        for name in names:
            if name not in self.cases:
                hint = did_you_mean(name, self.cases)
                raise ConfigError(f"--case {name}: is none of the vectors; {hint or 'see VECTORS.md'}")
        if not outputs.is_dir():
            raise ConfigError(f"--outputs {outputs}: is no folder; give the one that the simulator wrote to")
        written = {path.name: path for path in sorted(outputs.iterdir()) if path.suffix in (MEM, NPY)}
        cases = [case for case in self.cases.values() if not names or case["id"] in names]
        made, missing, untried = [], [], []
        for case in cases:
            found = list(self._compared(case, written))
            made += found
            if not found:
                untried.append(case["id"])
                continue
            there = {each.tensor for each in found if not each.accumulators}
            missing += [case["codes"][name]["stem"] for name in case["outputs"] if name not in there]
        if not made:
            stem = cases[0]["codes"][cases[0]["outputs"][0]]["stem"]
            raise ConfigError(
                f"--outputs {outputs}: nothing to compare is in it; write each tensor under the name of its "
                f"vectors, such as {stem}.mem"
            )
        known = {f"{entry['stem']}{end}" for case in self.cases.values() for _, entry, _ in _arrays(case)
                 for end in (MEM, NPY)}  # fmt: skip
        return Checked(made, missing, untried, [name for name in written if name not in known], partial)

    def _compared(self, case: Mapping[str, Any], written: Mapping[str, Path]) -> Iterator[Compared]:
        """The files of a case that are there."""
        for tensor, entry, are_sums in _arrays(case):
            for name in (f"{entry['stem']}{end}" for end in (MEM, NPY)):
                if name in written:
                    content = read_bytes(written[name], remedy="write it again")
                    counts = count(entry, self.array(entry), content, str(written[name]))
                    reason = self._reason(case, tensor, counts)
                    yield Compared(name, case["id"], tensor, counts, are_sums, reason)

    def _reason(self, case: Mapping[str, Any], tensor: str, counts: Counts) -> dict[str, Any]:
        """What the layer rounded at the place of the first difference."""
        if counts.first is None or tensor not in case["accumulators"]:
            return {}
        place, layer = counts.first.place, self.layers[tensor]
        acc = self.array(case["accumulators"][tensor])
        shift = self.array(layer["constants"]["shift"])
        return {
            "accumulator": int(acc[place.frame, place.row, place.column, place.channel]),
            "shift": int(np.ravel(shift)[place.channel]),
            "rounding": layer["rounding"],
        }


def _arrays(case: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Tensors of a case in the order of computation: codes, and behind those of a layer its accumulators."""
    for tensor, entry in case["codes"].items():
        yield tensor, entry, False
        if tensor in case["accumulators"]:
            yield tensor, case["accumulators"][tensor], True
