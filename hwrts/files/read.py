"""Reading what a folder holds, checked before it is used: one line that says file, place and remedy."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from hwrts.errors import RunFolderError
from hwrts.fixed_point.stored import MAX_DOCUMENT_BYTES, MAX_FILE_BYTES, parse_json, read_file

MAKE_AGAIN = "run or quantize the stage again"
DELETE = "delete it (of a stage: its folder) and continue"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be text")
    return value


Text = Annotated[str, PlainValidator(_text)]
"""Any text; pydantic's own refuses names of files that are no UTF-8, which JSON can hold."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""How many: exact as a float too."""

LARGEST = 1e30
"""No measure of pictures is near it; what draws or sums numbers up to here does not overflow."""

Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
"""A finite number, or none where nothing could be measured."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Document(BaseModel):
    """A JSON object on disk: types are exact, entries of other versions of hwrts may stand beside ours."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


def read_document(path: Path, model: type[BaseModel], remedy: str = DELETE) -> dict[str, Any]:
    """The object in a JSON file, checked by the model of what its writer writes.

    Args:
        path: The file.
        model: What its entries must be.
        remedy: What to do about a damaged file; ends the message.

    Raises:
        RunFolderError: The file is missing, no JSON object, or an entry is not what it must be.
    """
    return check_document(read_json(path, remedy), model, str(path), remedy)


def check_document(document: object, model: type[BaseModel], where: str, remedy: str) -> dict[str, Any]:
    """An object that fits a model, as it is.

    Raises:
        RunFolderError: Names the first entry that does not fit.
    """
    try:
        model.model_validate(document)
    except ValidationError as error:
        raise RunFolderError(f"{where}: damaged, {_problem(error)}; {remedy}") from error
    assert isinstance(document, dict)  # or no model would have taken it
    return document


def read_json(path: Path, remedy: str = DELETE) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        RunFolderError: The file is missing or damaged.
    """
    try:
        document = parse_json(read_file(path, MAX_DOCUMENT_BYTES))
    except OSError as error:
        raise RunFolderError(f"{path}: missing or damaged ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise RunFolderError(f"{path}: missing or damaged ({error}); {remedy}") from error
    if not isinstance(document, dict):
        raise RunFolderError(f"{path}: damaged, it holds no JSON object; {remedy}")
    return document


def read_versioned(
    path: Path,
    model: type[BaseModel],
    schema: str,
    version: int,
    remedy: str = "choose another folder with -o",
) -> dict[str, Any]:
    """The object in a JSON file of a folder that another hwrts may have made.

    Raises:
        RunFolderError: The file is missing or damaged, or of another schema or version.
    """
    document = read_json(path, remedy)
    found = document.get("schema"), document.get("schema_version")
    if found != (schema, version):
        raise RunFolderError(
            f"{path}: not a {schema} of version {version} but {found[0]!r:.40} of version {found[1]!r:.40}; "
            f"{remedy}"
        )
    return check_document(document, model, str(path), remedy)


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES, remedy: str = MAKE_AGAIN) -> bytes:
    """A regular file's content.

    Raises:
        RunFolderError: It cannot be read.
    """
    try:
        return read_file(path, limit)
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a regular file's content.

    Raises:
        RunFolderError: It cannot be read.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _problem(error: ValidationError) -> str:
    """The first entry that does not fit, and why: ``rows[3].compared = 'x' (must be an integer)``."""
    first = error.errors(include_url=False)[0]
    place = ""
    for part in first["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] == "missing":
        return f"{place:.80} is missing"
    return f"{place:.80} = {first['input']!r:.60} ({reason:.200})"
