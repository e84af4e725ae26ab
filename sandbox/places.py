"""Chooses by one argument where code runs: on this machine, also inside bubblewrap, or on a remote sandbox."""

from collections.abc import Sequence

from . import prewarm as warming
from .pool import Pool
from .remote import Remote


def place(
    isolation: str = "auto", *, prewarm: Sequence[str] = warming.DEFAULT, allow_weaker: bool = False
) -> Pool | Remote:
    """Return the pool or the remote sandbox that an isolation names: auto, full, flat, bubblewrap, or an address.

    >>> place("http://127.0.0.1:8080").isolation
    'http://127.0.0.1:8080'
    """
    if "://" in isolation:
        return Remote(isolation)
    return Pool(isolation=isolation, prewarm=prewarm, allow_weaker=allow_weaker)


def shared_pool(isolation: str = "auto") -> Pool:
    """Return this process's shared pool of an isolation."""
    return _SHARED.setdefault(isolation, Pool(isolation=isolation))


_SHARED: dict[str, Pool] = {}
