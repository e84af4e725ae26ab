"""Errors of the sandbox itself. A program's failure is never one of these: it is a status.

SandboxError
├── SandboxUnavailable (also OSError)    this machine cannot enforce what was asked
├── ZygoteDied (also ConnectionError)    the helper process ended in the middle of something
└── BadMessage (also ValueError)         a message on the wire that no honest peer sends
"""


class SandboxError(Exception):
    """The sandbox itself failed."""


class SandboxUnavailable(SandboxError, OSError):
    """This machine cannot enforce the requested isolation; the message says what is missing and the way out."""


class ZygoteDied(SandboxError, ConnectionError):
    """The zygote died; the pool starts another one for the next launch."""


class BadMessage(SandboxError, ValueError):
    """A malformed or oversized message between owner, zygote and children."""
