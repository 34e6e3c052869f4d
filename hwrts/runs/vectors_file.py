"""What the manifest of a folder of vectors holds; its writer is :mod:`hwrts.export.vectors.files`."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hwrts.files.read import Count, Document, Sha256, Text

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]{1,200}$")]
"""Part of the name of a file: nothing leads out of the folder."""
_Side = Annotated[int, Field(ge=0, lt=2**31)]


class _Array(Document):
    stem: _Name
    shape: Annotated[list[_Side], Field(min_length=2, max_length=4)]
    bits: Annotated[int, Field(ge=1, le=32)]
    signed: bool
    word_bits: Annotated[int, Field(ge=1, lt=2**31)]

    @model_validator(mode="after")
    def _words_hold_the_last_axis(self) -> Self:
        if self.word_bits != self.shape[-1] * self.bits:
            raise ValueError(f"{self.stem} has words of other bits than its numbers together")
        return self


class _Codes(_Array):
    shape: Annotated[list[_Side], Field(min_length=4, max_length=4)]


class _Constant(_Array):
    axes: list[Text]


class _Accumulator(Document):
    proved_bits: Count
    lowest: int
    highest: int


class _Tensor(Document):
    id: _Name
    name: Text
    kind: Literal["input", "layer"]
    channels: Count
    scale: Text
    signed: bool
    bits: Count
    frac: int


class _Layer(Document):
    id: _Name
    name: Text
    operator: Text
    sources: list[_Name]
    rounding: Text
    settings: dict[str, Any]
    constants: dict[_Name, _Constant]
    accumulator: _Accumulator | None


class _Ties(Document):
    above_even: Count
    above_odd: Count
    channels_that_drop_bits: Count


class _Case(Document):
    id: _Name
    name: Text
    layer: _Name | None
    about: Text
    frames: Count
    inputs: list[_Name]
    outputs: Annotated[list[_Name], Field(min_length=1)]
    codes: dict[_Name, _Codes]
    accumulators: dict[_Name, _Codes]
    ties: _Ties | None


class _File(Document):
    bytes: Count
    sha256: Sha256


class VectorsFile(Document):
    """manifest.json of a folder of vectors."""

    rounding: Text
    rounding_of_additions: Text
    packing: Text
    bytes: Count
    outputs: list[_Name]
    tensors: list[_Tensor]
    layers: list[_Layer]
    cases: Annotated[list[_Case], Field(min_length=1)]
    files: dict[Text, _File]

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        shifts = {layer.id: layer.constants.get("shift") for layer in self.layers}
        known = {tensor.id for tensor in self.tensors}
        for case in self.cases:
            if unknown := case.codes.keys() - known:
                raise ValueError(f"case {case.id} has codes of {min(unknown)}, which is no tensor")
            if any(name not in case.codes for name in case.outputs):
                raise ValueError(f"case {case.id} has no codes of its output")
            for name, acc in case.accumulators.items():
                shift = shifts.get(name)
                if name not in case.codes or acc.shape != case.codes[name].shape:
                    raise ValueError(f"case {case.id} has accumulators of {name} beside other codes")
                if shift is None or shift.shape[0] != acc.shape[3]:
                    raise ValueError(f"layer {name} has accumulators and not their shifts")
        return self
