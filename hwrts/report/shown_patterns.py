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
    enhancing, made = run.enhancing_stage(kept.name), open_stage(kept.folder)
    forms = {}
    if made.enlargement is not None:
        forms[f"Enhancement at the same size, stage {enhancing.name}"] = open_stage(enhancing).enhance
    if made.enlargement != 1:
        forms[f"\u00d7{made.scale}, stage {kept.name}"] = made.upscale
    return [
        (
            title,
            [
                ShownPattern(
                    each.name,
                    png_uri(each.given),
                    png_uri(each.found),
                    png_uri(difference(each)),
                    *each.found.shape[:2],
                )
                for each in patterns_of(form)
            ],
        )
        for title, form in forms.items()
    ]
