"""What a campaign tried: its portions add up in one file."""

import json
import os
from pathlib import Path


def note(**entry: object) -> None:
    """Add a line of JSON to the file that HWRTS_CAMPAIGN names, if it does."""
    path = os.environ.get("HWRTS_CAMPAIGN")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")
