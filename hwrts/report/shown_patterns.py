"""Test patterns at 1:1 through the networks of the kept stage: input, output and difference."""

from dataclasses import dataclass

from hwrts.report.crops import png_uri
from hwrts.report.stages import StageResult
from hwrts.runs.engines import open_stage
from hwrts.runs.folder import RunFolder
from hwrts.runs.patterns import difference, patterns_of


@dataclass(frozen=True)
class ShownPattern:
    """A pattern as data URIs, and its size in pixels."""

    name: str
    given: str
    found: str
    difference: str
    height: int
    width: int


def shown_patterns(run: RunFolder, kept: StageResult) -> list[tuple[str, list[ShownPattern]]]:
    """The patterns through each form of a stage, after what that form is called.

    Raises:
        HwrtsError: A network is missing or damaged.
    """
    enhancing = run.enhancing_stage(kept.name)
    enhance, upscale = open_stage(enhancing).enhance, open_stage(kept.folder).upscale
    forms = {f"Enhancement at the same size, stage {enhancing.name}": enhance}
    if not kept.folder.same_size:
        forms[f"\u00d72, stage {kept.name}"] = upscale
    return [
        (
            title,
            [
                ShownPattern(
                    made.name,
                    png_uri(made.given),
                    png_uri(made.found),
                    png_uri(difference(made)),
                    *made.found.shape[:2],
                )
                for made in patterns_of(form)
            ],
        )
        for title, form in forms.items()
    ]
