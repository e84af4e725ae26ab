"""What can go wrong on our side. A program's own failure is never one of these: it is a status.

SandboxError
├── SandboxUnavailable (also OSError)    this machine cannot enforce what was asked
├── ZygoteDied (also ConnectionError)    the helper process ended in the middle of something
└── BadMessage (also ValueError)         a message on the wire that no honest peer sends
"""


class SandboxError(Exception):
    """Anything that the sandbox itself could not do."""


class SandboxUnavailable(SandboxError, OSError):
    """The isolation asked for is not to be had here; the message names what is missing and the way out."""


class ZygoteDied(SandboxError, ConnectionError):
    """The zygote went away; the pool starts another one for the next launch."""


class BadMessage(SandboxError, ValueError):
    """A malformed or oversized message between owner, zygote and children."""
