"""Which network of a run a command works with: one rule for all of them, and the choice is said."""

from pathlib import Path
from typing import TYPE_CHECKING

from hwrts.cli.console import ConsoleProgress, print_line, print_table
from hwrts.errors import ConfigError

if TYPE_CHECKING:
    from hwrts.runs.folder import RunFolder, StageFolder


def choose_network(
    run: "RunFolder", name: str | None, *, x2: bool = False, quiet: bool = False
) -> "StageFolder":
    """As :meth:`hwrts.runs.folder.RunFolder.network`, and said on stderr."""
    chosen = run.network(name, x2=x2)
    form = "same-size" if chosen.same_size else "x2"
    why = f", the {form} network of the kept stage; another one by --stage"
    if name is not None or not run.trained:  # a module of a user's own is one network
        why = ""
    ConsoleProgress(quiet).say(f"network: stage {chosen.name} of {run.root}{why}")
    return chosen


def network_folder(path: Path, stage: str | None, *, quiet: bool = False) -> Path:
    """The folder of an integer network: of a run by the rule, or the one that is named itself.

    Args:
        path: A run folder, a folder with network.json, or that file.
        stage: What --stage says.
        quiet: Do not say which network was chosen.

    Raises:
        HwrtsError: A stage of what is no run, or one that is not there.
    """
    from hwrts.files.lock import restore
    from hwrts.fixed_point import JSON_NAME
    from hwrts.runs.folder import open_run

    restore(path)
    if (path / "run.json").is_file():
        return choose_network(open_run(path), stage, quiet=quiet).root
    if stage is not None:
        raise ConfigError(f"--stage {stage}: is for run folders, and {path} is none; leave it out")
    return path.parent if path.name == JSON_NAME else path


def print_stages(folder: "RunFolder") -> None:
    """The table of a run's stages, and below it in words what it must not be read without."""
    from hwrts.runs.documents import read_measures, read_verdict
    from hwrts.runs.remarks import is_faithful, psnr_of, remarks, unfaithful_end

    rows, said = [], []
    found = [(stage, read_verdict(stage.verify), read_measures(stage.metrics)) for stage in folder.stages()]
    psnr = psnr_of((measures for _, _, measures in found), luma=folder.luma is not None)
    for stage, verdict, measures in found:
        said += [f"stage {stage.name}: {text}" for text in remarks(measures)]
        if not is_faithful(measures):
            said.append(f"stage {stage.name}: {unfaithful_end(measures)}")
        rows.append(
            [
                stage.name,
                "PASSED" if verdict["passed"] else "FAILED",
                f"{verdict['mismatches']:,}",
                f"{verdict['compared'] / 1e6:.1f}",
                *(_two(measures.get(f"{psnr}_{kind}_db")) for kind in ("bicubic", "float", "int8")),
                *(_two(measures.get(f"difference_{kind}_percent")) for kind in ("float", "int8")),
                f"{sum(measures.get('seconds', {}).values()):.0f}",
            ]
        )
    columns = [
        "stage",
        "verdict",
        "differ",
        "of 10^6 codes",
        "bicubic dB",
        "float dB",
        "int8 dB",
        "diff % float",
        "diff % int8",
        "s",
    ]
    spare = ("of 10^6 codes", "s", "differ")  # the verdict says it
    which = " of Y (BT.601, 2 pixels shaved)" if psnr == "psnr_y" else ""
    title = f"{folder.root}: x2 PSNR{which}, and image difference of HRn from HR0"
    print_table(title, columns, rows, spare)
    for line in said:
        print_line(line)


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"  # such as of x2, for a same-size network
