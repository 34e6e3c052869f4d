"""What a command leaves in its folder, and whether that is whole."""

import json
import re
from pathlib import Path

Files = dict[str, bytes]
"""Contents by name."""

_TIMES = re.compile(
    rb'"(seconds|train|targets|qat|export|measure|verify|date|started|since|trained)": ?("[^"]*"|[\d.e-]+)'
)
_NUMBERS = re.compile(rb"[0-9][0-9.,]*|\xe2\x80\x93")
UNFINISHED = "unfinished"  # marks photographs that are still being read: nobody uses that folder
_OTHER_EACH_TIME = re.compile(r"(optuna\.journal|results\.parquet)$")  # names of processes; seconds
_GROWING = re.compile(
    r"(run|exports|seconds|metrics|verify|results|scores|sweep|promoted\d*)\.json$|\.jsonl$"
)


def files_of(folder: Path) -> Files:
    """Every file, also hidden ones."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def timeless(name: str, content: bytes) -> bytes:
    """What is the same whenever and however quickly it was made; of pages and tables all but the numbers."""
    if name.endswith(".jsonl"):  # steps that were done twice have two lines
        return b"\n".join(sorted(set(content.split(b"\n"))))
    if name.endswith((".html", ".csv")):
        return _NUMBERS.sub(b"#", content)
    if name.endswith(".json"):
        return _TIMES.sub(rb'"\1": #', content)
    return b"" if _OTHER_EACH_TIME.search(name) else content


def differences(found: Files, wanted: Files) -> list[str]:
    """Names of what is missing, too much or other than in an undisturbed folder."""
    missing = [f"missing: {name}" for name in wanted if name not in found]
    left = [f"left over: {name}" for name in found if name not in wanted]
    both = [name for name in wanted if name in found]
    return missing + left + [f"differs: {name}" for name in both if _differ(name, found[name], wanted[name])]


def torn(found: Files, before: Files, wanted: Files) -> list[str]:
    """Files that are neither what stood there before, nor what will, nor one that grows and is whole."""
    begun = {str(Path(name).parent) for name in found if Path(name).name == UNFINISHED}
    return [
        name
        for name, content in found.items()
        if str(Path(name).parent) not in begun
        and Path(name).parent.parent.as_posix() not in begun
        and not _whole(name, content, before, wanted)
    ]


def _differ(name: str, one: bytes, other: bytes) -> bool:
    return timeless(name, one) != timeless(name, other)


def _whole(name: str, content: bytes, before: Files, wanted: Files) -> bool:
    if any(part.startswith(".") for part in Path(name).parts) or name.endswith(".lock"):
        return True  # nobody reads it
    if any(name in other and not _differ(name, content, other[name]) for other in (before, wanted)):
        return True
    if name.endswith(".html"):
        return content.rstrip().endswith(b"</html>")
    if name.endswith("state.safetensors"):  # of a step in between
        return int.from_bytes(content[:8], "little") < len(content)
    if name.endswith(".jsonl"):
        return True  # its last line may be cut: whoever reads it leaves that out
    if name.endswith(".csv"):
        return content.endswith(b"\n")
    if not _GROWING.search(name):
        return False
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False
