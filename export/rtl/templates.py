"""Templates of this folder, and its files that are Verilog already."""

from importlib.resources import files

from hwrts.export.templates import filled_file

_PACKAGE = "hwrts.export.rtl"


def render(template: str, /, **values: object) -> str:
    """The text of a template."""
    return filled_file(_PACKAGE, template, **values)


def library() -> dict[str, str]:
    """The modules that every circuit is made of, by the names of their files."""
    return _verilog("library")


def bench_modules() -> dict[str, str]:
    """What stands around the testbench: monitor and clocks."""
    return _verilog("bench")


def _verilog(folder: str) -> dict[str, str]:
    found = sorted(files(_PACKAGE).joinpath(folder).iterdir(), key=lambda path: path.name)
    return {path.name: path.read_text("utf-8") for path in found if path.name.endswith((".v", ".cpp"))}
