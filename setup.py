"""README as an index of packages shows it, where no file lies beside it; all else is in pyproject.toml.

Its links and pictures lead into the repository of [project.urls], or are words while none is named there.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


def published(readme: str, repository: str | None) -> str:
    """The text without a relative link."""

    def absolute(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        if repository is not None:
            return (
                f"{picture}[{words}]({repository.rstrip('/')}/{'raw' if picture else 'blob'}/main/{target})"
            )
        return "" if picture else words if words == target else f"{words} ({target})"

    return _LINK.sub(absolute, readme)


if __name__ == "__main__":
    here = Path(__file__).parent
    project = tomllib.loads((here / "pyproject.toml").read_text("utf-8"))["project"]
    text = published((here / "README.md").read_text("utf-8"), project.get("urls", {}).get("Repository"))
    setup(long_description=text, long_description_content_type="text/markdown")
