"""Templates of this folder, and its files that are Verilog already."""

from importlib.resources import files

import jinja2

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("hwrts.export.rtl", "."), keep_trailing_newline=True, autoescape=False
)


def render(template: str, **values: object) -> str:
    """The text of a template."""
    return _TEMPLATES.get_template(template).render(**values)


def library() -> dict[str, str]:
    """The modules that every circuit is made of, by the names of their files."""
    return _verilog("library")


def bench_modules() -> dict[str, str]:
    """What stands around the testbench: monitor and clocks."""
    return _verilog("bench")


def _verilog(folder: str) -> dict[str, str]:
    found = sorted(files("hwrts.export.rtl").joinpath(folder).iterdir(), key=lambda path: path.name)
    return {path.name: path.read_text("utf-8") for path in found if path.name.endswith((".v", ".cpp"))}
