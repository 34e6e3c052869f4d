"""The best network that fits the chip: a sweep in a folder, made or continued."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwrts.api.door import public
from hwrts.api.stage import Stage, load
from hwrts.cost.budget import parse_budget
from hwrts.errors import ConfigError
from hwrts.files.lock import writing
from hwrts.progress import Progress, Told, telling
from hwrts.settings_file import read_toml, set_entry
from hwrts.sweep.page import write_page
from hwrts.sweep.results import best, front, read_rows, results_of, write_tables
from hwrts.sweep.runner import Sweep
from hwrts.sweep.spec import SweepSpec, parse_spec
from hwrts.sweep.workers import Workers, cluster_workers, local_workers


@public
def run_sweep(
    output: str | Path,
    settings: Mapping[str, Any] | str | Path | None = None,
    *,
    budget: str | Mapping[str, float] | None = None,
    data: str | Path | None = None,
    val: str | Path | None = None,
    workers: int = 1,
    cluster: str | None = None,
    progress: Told | None = None,
) -> "SweepResults":
    """Find the networks that give the best picture for their cost, within a budget: ``hwrts sweep``.

    What costs more than the budget is never trained; the same call continues what was interrupted.

    Args:
        output: Folder of the sweep; made, or continued if it holds the same one.
        settings: TOML file of the sweep, or its tables (docs/sweep.md); None: Residual-N by size.
        budget: Most that a network may cost: "params=30k,line_kib=256", or numbers by unit.
        data: Folder of training photographs; None: what ``settings`` say, or the embedded ones.
        val: Folder of validation photographs.
        workers: Processes of this machine.
        cluster: Address of a dask scheduler, in place of ``workers``.
        progress: As in ``hwrts.train``.

    Returns:
        Every network that was trained, the fronts, and the best within the budget.

    Raises:
        HwrtsError: A setting that is not allowed, nothing within the budget, photographs that are missing, or
            the folder holds something else.
    """
    told, root = telling(progress), Path(output)
    tables: dict[str, Any] = {}
    where = "settings"
    if isinstance(settings, str | Path):
        tables, where = read_toml(Path(settings)), str(settings)
    elif settings is not None:
        tables = copy.deepcopy(dict(settings))  # what is given beside them is put in
    limits = parse_budget(budget) if isinstance(budget, str) else budget
    spec = sweep_spec(tables, where, limits, data, val)
    with writing(root):
        made = Sweep(root, spec)
        search(made, workers, cluster, told)
    return SweepResults(made.root, made.failed)


def sweep_spec(
    tables: dict[str, Any],
    where: str,
    budget: Mapping[str, float] | None,
    data: str | Path | None,
    val: str | Path | None,
) -> SweepSpec:
    """The sweep of a document, with what is given beside it in its place.

    Raises:
        ConfigError: A setting that is not allowed.
    """
    if budget is not None:
        set_entry(tables, "budget.at_most", dict(budget), where)
    for key, path in (("train", data), ("val", val)):
        if path is not None:
            set_entry(tables, f"base.data.{key}", str(path), where)
    spec = parse_spec(tables, where)
    table = spec.base.get("data")
    if isinstance(table, dict):
        for key in ("train", "val"):
            if isinstance(table.get(key), str):  # a worker may start elsewhere
                table[key] = str(Path(table[key]).resolve())
    return spec


def search(made: Sweep, workers: int, cluster: str | None, progress: Progress) -> list[Path]:
    """Train what is to be trained; returns the tables and the page, which are written whatever happens.

    Raises:
        HwrtsError: As :meth:`.Sweep.run`, or workers that contradict each other or are not there.
    """
    try:
        with _workers(workers, cluster) as chosen:
            made.run(chosen, progress)
    finally:
        rows = read_rows(made.root)
        files = [*write_tables(made.root, rows), write_page(made.root, rows)]
    return files


@contextmanager
def _workers(count: int, cluster: str | None) -> Iterator[Workers]:
    if cluster is not None and count != 1:
        raise ConfigError("--workers: a cluster has its own workers; give --workers or --cluster")
    with local_workers(count) if cluster is None else cluster_workers(cluster) as workers:
        yield workers


@dataclass(frozen=True)
class SweepResults:
    """What a sweep found.

    Attributes:
        root: Its folder.
        failed: Why a configuration could not be trained, by its key.
    """

    root: Path
    failed: Mapping[str, str]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every configuration within the budget, cheapest first: settings, costs, quality, verdict."""
        return read_rows(self.root)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The rows that were trained to the end and proved."""
        return results_of(self.rows)

    def front(self, cost: str) -> list[dict[str, Any]]:
        """The results that no other one beats at its cost ("params", "line_kib"), cheapest first."""
        return front(self.rows, cost, "quality_int8")

    def best(self, at_most: Mapping[str, float] | None = None) -> dict[str, Any] | None:
        """The result of best int8 quality, within a tighter budget too; None if nothing fits it."""
        return best(self.rows, at_most)

    def load(self, row: Mapping[str, Any]) -> Stage:
        """The network of a result."""
        return load(self.root / row["run"], row["stage"])
