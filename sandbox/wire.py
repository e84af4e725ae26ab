"""Messages between the owner, the zygote and the children, and framed bytes between children.

A message is one datagram of a SOCK_SEQPACKET socket: four bytes with the head's length, a JSON head, then raw bytes.
Descriptors are attached (SCM_RIGHTS). Everything received is untrusted: `unpack` raises only BadMessage.
"""

import array
import json
import os
import socket
import struct
from typing import Any

from .errors import BadMessage

MAX_MESSAGE_BYTES = 128 * 1024
"""Size of one datagram. Larger payloads travel in a memory file."""
MAX_INLINE_BYTES = 64 * 1024
MAX_DESCRIPTORS = 64
MAX_FRAME_BYTES = 64 << 20
_LENGTH = struct.Struct("<I")
_ANCILLARY_SIZE = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_CUT_SHORT = int(socket.MSG_TRUNC) | int(socket.MSG_CTRUNC)
_NO_SIGNAL = int(socket.MSG_NOSIGNAL)


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of one message.

    >>> unpack(pack({"op": "stop"}, b"x"))
    ({'op': 'stop'}, b'x')
    """
    text = json.dumps(head, separators=(",", ":")).encode()
    message = _LENGTH.pack(len(text)) + text + body
    if len(message) > MAX_MESSAGE_BYTES:
        raise BadMessage(f"a message of {len(message)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    return message


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a message's head and body; raise BadMessage if it is not one."""
    if len(message) < _LENGTH.size:
        raise BadMessage("a message is shorter than its length field")
    size = _LENGTH.unpack_from(message)[0]
    if size > len(message) - _LENGTH.size:
        raise BadMessage(f"a message's head claims {size} bytes, more than there are")
    try:
        head = json.loads(message[_LENGTH.size : _LENGTH.size + size])
    except (ValueError, RecursionError) as problem:
        raise BadMessage(f"a message's head is not JSON: {problem}") from None
    if not isinstance(head, dict):
        raise BadMessage("a message's head is not a JSON object")
    return head, message[_LENGTH.size + size :]


def send(channel: socket.socket, message: bytes, descriptors: list[int] | tuple[int, ...] = ()) -> None:
    """Send one packed message with its descriptors."""
    if descriptors:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        channel.sendmsg([message], rights, _NO_SIGNAL)
    else:
        channel.send(message, _NO_SIGNAL)  # the only call that a child's filter allows


def receive(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Return one datagram and its descriptors, close-on-exec; b"" when the peer is gone."""
    data, ancillary, flags, _ = channel.recvmsg(MAX_MESSAGE_BYTES, _ANCILLARY_SIZE, _CLOSE_ON_EXEC)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % 4])
    if flags & _CUT_SHORT:
        close_all(descriptors.tolist())
        raise BadMessage("a message or its descriptors were cut short")
    return data, descriptors.tolist()


def close_all(descriptors: list[int] | tuple[int, ...]) -> None:
    """Close descriptors that may already be closed."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue


class Channel:
    """One end of a connection between linked children, or of a child's result for the owner. The peer may be hostile.

    Needs only read and write, which every child may call. A frame is a four-byte length and that many bytes.

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
