"""Addresses of servers: their faults, whether they need a key, and how they are shown."""

import contextlib
import ipaddress
from urllib.parse import urlsplit, urlunsplit


def fault_of(url: str) -> str | None:
    """Return the fault of a server's address, or None.

    >>> fault_of("http://127.0.0.1:8000/v1")
    >>> fault_of("localhost:8000")
    'it must start with http:// or https://'
    >>> fault_of("http://host:80000/v1")
    'Port out of range 0-65535'
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https"):
        return "it must start with http:// or https://"
    return None if host and not any(map(str.isspace, url)) else "it names no host"


def masked(url: str) -> str:
    """Return the address without its user, password and query.

    >>> masked("http://me:secret@host:8000/v1?key=x")
    'http://***@host:8000/v1'
    """
    parts = urlsplit(url)
    _user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"***@{host}" if at else host, parts.path, "", ""))


def is_local(url: str) -> bool:
    """Return whether the address is on this machine or in a private network, where a key is optional.

    >>> is_local("http://10.0.0.7/v1"), is_local("http://gpu-box:8000/v1"), is_local("https://api.example.com/v1")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return host == "localhost" or "." not in host
