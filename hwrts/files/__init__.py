"""Files and folders: read with checks, written whole or not at all, by one writer at a time."""
