"""Remove secrets from addresses before anything is written or shown."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit


def mask_url(url: str) -> str:
    """Return the address without user, password, query and fragment.

    >>> mask_url("http://me:secret@host:8000/v1?key=1")
    'http://host:8000/v1'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


_USER_INFO = re.compile(r"(?<=://)[^\s/?#\"']*@")
_KEY_IN_QUERY = re.compile(
    r"([?&](?:api[-_]?key|key|token|access[-_]token|secret|password)=)[^&#\s\"']+", re.IGNORECASE
)


def mask_secrets(value: Any) -> Any:
    """Return a JSON value without the users, passwords and keys of the addresses that stand anywhere in its texts.

    >>> mask_secrets(["run r.yaml teacher.base_url=http://me:secret@host/v1?key=1"])
    ['run r.yaml teacher.base_url=http://host/v1?key=***']
    """
    if isinstance(value, Mapping):
        return {k: mask_secrets(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [mask_secrets(v) for v in value]
    return _KEY_IN_QUERY.sub(r"\1***", _USER_INFO.sub("", value)) if isinstance(value, str) else value
