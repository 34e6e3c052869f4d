"""Text from templates: nothing is escaped, for it is no page, and a name that is missing is an error."""

from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

_ENVIRONMENT = Environment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)


def filled(template: str, /, **values: Any) -> str:
    """A template with its values."""
    return _ENVIRONMENT.from_string(template).render(values)


def filled_file(package: str, name: str, /, **values: Any) -> str:
    """A template that lies in a package, with its values.

    Args:
        package: Dotted name, such as "hwrts.export.c".
        name: Of the file, with the folders that it is in.
        values: What the template names.
    """
    return filled(resources.files(package).joinpath(name).read_text("utf-8"), **values)
