"""What the JSON files of a run hold; their writers are beside the pieces that make them."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from hwrts.command_line import command_line
from hwrts.data.luma import MatrixName, Range
from hwrts.data.resample import Interpolation
from hwrts.files.read import DELETE, LARGEST, Count, Document, Number, Sha256, Text, read_document

Step = Annotated[int, Field(ge=0, lt=2**53)]


class _Photographs(Document):
    train: list[Text] = Field([])
    val: list[Text] = Field([])


class _Device(Document):
    name: Text
    bf16: bool
    reason: Text = ""


class _Teacher(Document):
    path: Text
    sha256: dict[Text, Sha256] = Field({})


class _Pruned(Document):
    """What a pruned run was before: its first stage is that one, with less channels."""

    run: Text
    stage: Annotated[int, Field(ge=1, le=10**6)]
    steps: Step
    importance: Text
    rounds: Annotated[int, Field(ge=1, le=10**6)]


class _Luma(Document):
    matrix: MatrixName
    range: Range
    chroma: Interpolation
    seen: Text = ""
    put_back: Text = ""


class RunNotes(Document):
    """run.json."""

    command: Text | None = None
    started: Text | None = None
    versions: dict[Text, Text] = Field({})
    commit: Text | None = None
    seed: int | None = None
    status: Text | None = None
    skipped: list[Text] = Field([])
    photographs: _Photographs | None = None
    in_both: list[Text] = Field([])
    settings_sha256: Sha256 | None = None
    device: _Device | None = None
    best_stage: Annotated[int, Field(ge=1, le=10**6)] | None = None
    module: Text | None = None
    weights: Text | None = None
    inputs: Text | None = None
    luma: _Luma | None = None
    teacher: _Teacher | None = None
    pruned: _Pruned | None = None


_Shape = Annotated[list[Count], Field(min_length=2, max_length=3)]


class _Control(Document):
    name: Text
    compared: Count
    mismatches: Count
    caught: bool


class _Difference(Document):
    stimulus: Text
    index: Annotated[list[Count], Field(min_length=3, max_length=3)]
    expected: int
    found: Number
    accumulator: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    shift: Annotated[int, Field(ge=-64, le=64)] | None = None
    rounding: Text | None


_GridRow = Annotated[list[Count], Field(min_length=1, max_length=256)]


def _grid(rows: list[list[int]]) -> list[list[int]]:
    if len({len(row) for row in rows}) != 1:
        raise ValueError("rows of equal length")
    return rows


class _Row(Document):
    witness: Text
    mode: Text
    layer: Text
    compared: Count
    mismatches: Count
    largest: Number = None
    first: _Difference | None = None
    where: Annotated[list[_GridRow], Field(min_length=1, max_length=256), AfterValidator(_grid)] | None = None


class _Reach(Document):
    lowest: int
    highest: int
    partial_sum: int
    exact_in_float32: bool


class _Saturation(Document):
    below_percent: Annotated[float, Field(ge=0, le=100)]
    above_percent: Annotated[float, Field(ge=0, le=100)]


class _Processor(Document):
    name: Text | None = None
    vnni: bool | None = None


class VerdictFile(Document):
    """verify.json; what is not there in older ones has a default."""

    passed: bool
    compared: Count
    mismatches: Count
    tolerance: Count = 0
    problems: list[Text] = Field([])
    controls: list[_Control] = Field([])
    rows: list[_Row] = Field([])
    sha256: dict[Text, Sha256] = Field({})
    census: dict[Text, Count] = Field({})
    stimuli: dict[Text, _Shape | dict[Text, _Shape]] = Field({})
    bounds: dict[Text, _Reach] = Field({})
    int16_pairs_can_saturate: list[Text] = Field([])
    saturation: dict[Text, _Saturation] = Field({})
    sqnr_db: dict[Text, Number] = Field({})
    formats: dict[Text, Text] = Field({})
    default_session_mismatches: Count | None = None
    cpu: _Processor | None = None
    versions: dict[Text, Text] = Field({})
    date: Text | None = None


class Seconds(Document):
    """seconds.json: of each piece of a stage."""

    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0, le=LARGEST)]]


_AGAINST_FLOAT = ("fidelity_db", "saturated_percent", "float_lowest_codes", "float_highest_codes")
"""Measured together, or not at all in older files."""


class Measures(Document):
    """metrics.json: numbers by name."""

    __pydantic_extra__: dict[str, Number]
    stage: Text | None = None
    seconds: Seconds = Seconds()

    @model_validator(mode="after")
    def _check_together(self) -> "Measures":
        found = self.__pydantic_extra__ or {}
        missing = [name for name in _AGAINST_FLOAT if found.get(name) is None]
        if missing and "fidelity_db" in found:
            raise ValueError(f"{missing[0]} is missing")
        return self


class MetricLine(Document):
    """A line of metrics.jsonl."""

    stage: Text
    phase: Text
    step: Step
    loss: Annotated[float, Field(ge=0, le=LARGEST)]
    rate: Number = None


def read_verdict(path: Path) -> dict[str, Any]:
    """Content of verify.json.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    return read_document(
        path, VerdictFile, f"prove the stage again: {command_line('verify', path.parent.parent)}"
    )


def read_measures(path: Path) -> dict[str, Any]:
    """Content of metrics.json.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    return read_document(path, Measures, DELETE)
