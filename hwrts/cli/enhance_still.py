"""hwrts enhance of pictures: one, or each of several into a folder."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwrts.cli.clip_said import Sayings
from hwrts.cli.console import print_json, print_line
from hwrts.cli.pictures import end_with, picture_files
from hwrts.errors import DataError

if TYPE_CHECKING:
    from hwrts.data.looking import Look
    from hwrts.data.picture import Picture
    from hwrts.runs.engines import Deployed


def enhance_stills(
    sources: list[Path],
    output: Path,
    network: "Deployed",
    sayings: Sayings,
    *,
    remark: str | None,
    engine: str,
    same_size: bool,
    look: "Look",
    max_megapixels: int,
    force: bool,
) -> None:
    """Pictures through a network, each written by itself; one that can't be read does not stop the others.

    Args:
        sources: Pictures, or folders of them.
        output: Picture to write, or folder for several.
        network: What enhances, or up-scales.
        sayings: How it is said.
        remark: Said before the work, if anything.
        engine: What runs the network, by name.
        same_size: Results have the input's size.
        look: What is shown of each, instead of the result alone.
        max_megapixels: Larger pictures are refused.
        force: Replace what exists.

    Raises:
        ConfigError, DataError: Nothing that can be done, or what went wrong with the last of all.
        typer.Exit: Some pictures failed; they are named on stderr.
    """
    from hwrts.cli.looks import check_still
    from hwrts.data import fit_to, read_picture, write_picture
    from hwrts.data.looking import Grid

    scale = 1 if same_size else network.enlargement
    check_still(look, scale)
    jobs = _plan(sources, output)
    taken = [target for _, target in jobs if target.exists()]
    if taken and not force:
        raise DataError(f"{taken[0]}: exists already; write elsewhere or replace it with --force")
    if remark is not None:
        sayings.progress.say(remark)
    if network.luma is not None:
        enlarged = network.scale != 1 and not same_size
        sayings.progress.say(
            f"the network sees luma ({network.luma.said}); chroma "
            + (f"becomes larger, {network.luma.chroma}" if enlarged else "passes")
        )
    results, errors = [], []
    work = f"enhancing with stage {sayings.about['stage']} on {engine}"
    with sayings.progress.task(work, len(jobs)) as advance:
        for i, (source, target) in enumerate(jobs):
            try:
                picture = fit_to(target, read_picture(source, max_megapixels))
                height, width = picture.samples.shape[:2]
                look.check(str(source), Grid(height, width, scale or 1))
                if target.is_dir():
                    raise DataError(f"{target}: is a folder, which --force does not replace; move it away")
            except DataError as error:  # the others are not to blame
                errors.append(error)
                advance(i + 1, f"{source.name} failed")
                continue
            start = time.perf_counter()
            result = _made(picture, network, scale, look, same_size=same_size)
            seconds = time.perf_counter() - start
            write_picture(target, result)
            height, width = result.samples.shape[:2]
            results.append(
                {
                    "in": str(source),
                    "out": str(target),
                    **sayings.about,
                    "width": width,
                    "height": height,
                    "kind": result.kind,
                    "notes": list(result.notes),
                    "seconds": round(seconds, 3),
                }
            )
            advance(i + 1, target.name)
    _say(results, json=sayings.json)
    end_with(errors, others_done=bool(results))


def _made(
    picture: "Picture", network: "Deployed", scale: int | None, look: "Look", *, same_size: bool
) -> "Picture":
    """The result of one picture, or what a look shows of it."""
    from hwrts.data import codes_of, with_result
    from hwrts.data.shown import shown

    codes = codes_of(picture, network.bits)
    made = network.enhance(codes) if same_size else network.upscale(codes)
    result = with_result(picture, made, scale, network.bits)
    return result if scale is None else shown(picture, result, scale, look)


def _say(results: list[dict[str, Any]], *, json: bool) -> None:
    if json and results:
        print_json(results)
        return
    for entry in results:
        size = f"{entry['width']}x{entry['height']}"
        print_line(f"{entry['out']}: {size} {entry['kind']} in {entry['seconds']:.2f} s")
        for note in entry["notes"]:
            print_line(f"  {note}")


def _plan(pictures: list[Path], output: Path) -> list[tuple[Path, Path]]:
    """Which picture goes where; several pictures need a folder, which is made if it is not there."""
    from hwrts.data import check_suffix
    from hwrts.files.new_folder import make_folder

    sources = picture_files(pictures)
    if len(sources) == 1 and not output.is_dir() and output.suffix and not pictures[0].is_dir():
        check_suffix(output)
        return [(sources[0], output)]
    if output.exists() and not output.is_dir():
        raise DataError(f"{output}: is a file; several pictures need a folder as --output")
    make_folder(output, "choose another --output")
    jobs = [(source, output / f"{source.stem}.png") for source in sources]
    names = [target for _, target in jobs]
    double = next((target for target in names if names.count(target) > 1), None)
    if double is not None:
        raise DataError(f"{double}: two of the pictures would be written to it; enhance them in two calls")
    return jobs
