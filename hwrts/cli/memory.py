"""Memory that ran out, said in one line, whichever library noticed it."""

_SIGNS = ("not enough memory", "can't allocate memory", "out of memory", "bad_alloc", "Failed to allocate")
_THREADS = ("can't start new thread", "Resource temporarily unavailable")


def memory_error(error: Exception) -> str | None:
    """What to say of an error if it is one of memory or of threads, else None.

    >>> memory_error(MemoryError("7 GiB"))[:32]
    'memory ran out (7 GiB); give the'
    >>> memory_error(ValueError("7")) is None
    True
    """
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(sign in text for sign in _SIGNS):
        reason = text[:120] or "no library said where"
        return (
            f"memory ran out ({reason}); give the process more, or take smaller pictures, a smaller --batch "
            "or --patch"
        )
    if isinstance(error, RuntimeError) and any(sign in text for sign in _THREADS):
        return f"no thread can be started ({text[:120]}); allow the process more, or set OMP_NUM_THREADS=1"
    return None
