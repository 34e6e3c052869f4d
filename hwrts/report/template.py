"""Pages from templates: everything that is filled in is escaped, and a name that is missing is an error."""

from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def render(package: str, name: str, /, **values: Any) -> str:
    """The HTML of a template that lies in a package.

    Args:
        package: Dotted name, such as "hwrts.report".
        name: Of the file.
        values: What the template names.
    """
    source = resources.files(package).joinpath(name).read_text("utf-8")
    return _ENVIRONMENT.from_string(source).render(values)
