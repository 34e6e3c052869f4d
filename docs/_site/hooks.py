"""Pages that mkdocs makes of the program itself, and links of pages to what is no page."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from docs._site.commands import commands_page
from docs._site.errors import errors_page
from docs._site.files import files_page

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+((?!docs/)[^)]+)\)")
_GENERATED = {
    "reference/commands.md": commands_page,
    "reference/errors.md": errors_page,
    "reference/files.md": files_page,
}


def on_files(files: Any, *, config: Any) -> Any:
    """Add the generated pages."""
    for name, make in _GENERATED.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Links that lead out of docs/ become links into the repository, or plain names where none is known."""
    source, repository = page.file.abs_src_path, (config.repo_url or "").rstrip("/")

    def outside(found: re.Match[str]) -> str:
        text, target = found.groups()
        if source is not None and (Path(config.docs_dir) / target).exists():
            return found[0]
        return f"[{text}]({repository}/blob/main/{target})" if repository else f"{text} (`{target}`)"

    return _OUTSIDE.sub(outside, markdown)
