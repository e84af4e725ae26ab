"""Framed bytes over one descriptor: messages between linked children, and a child's result for the owner.

Needs only read and write, which every child may call. A frame is a four-byte length and that many bytes. The peer is
untrusted: `receive` bounds the size of a frame.
"""

import os
import struct

from .errors import BadMessage

_LENGTH = struct.Struct("<I")
MAX_FRAME_BYTES = 64 << 20


class Channel:
    """One end of a connection. The other end may be hostile, slow or gone.

    >>> import socket
    >>> left, right = (Channel(end.detach()) for end in socket.socketpair())
    >>> left.send(b"hello")
    >>> right.receive()
    b'hello'
    >>> left.close()
    >>> right.receive() is None
    True
    >>> right.close()
    """

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def send(self, frame: bytes) -> None:
        """Send one frame; raise BrokenPipeError or ConnectionError when the peer is gone."""
        self.write(_LENGTH.pack(len(frame)) + frame)

    def receive(self, limit: int = MAX_FRAME_BYTES) -> bytes | None:
        """Return the next frame, or None when the peer is gone; raise BadMessage for one longer than `limit`."""
        head = self._exactly(_LENGTH.size)
        if head is None:
            return None
        size = _LENGTH.unpack(head)[0]
        if size > limit:
            raise BadMessage(f"a frame of {size} bytes is over the limit of {limit}")
        return self._exactly(size)

    def write(self, data: bytes) -> None:
        """Write bytes without a frame, as a result channel carries them."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        os.close(self._descriptor)

    def _exactly(self, size: int) -> bytes | None:
        parts: list[bytes] = []
        while size:
            try:
                part = os.read(self._descriptor, min(size, 1 << 20))
            except ConnectionError:
                return None
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
