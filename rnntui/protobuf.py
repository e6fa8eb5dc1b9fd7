"""Fields of protocol buffers, encoded without the package protobuf: ONNX models and TensorBoard's event files need few.

A field is its number with the wire type, then its value (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct


def text_field(number: int, value: str) -> bytes:
    """Return a string; half a surrogate pair, which has no encoding, becomes a question mark."""
    return bytes_field(number, value.encode("utf-8", "replace"))


def bytes_field(number: int, value: bytes) -> bytes:
    """Return bytes, which may be those of an encoded message."""
    return bytes_header(number, len(value)) + value


def bytes_header(number: int, size: int) -> bytes:
    """Return what stands before so many bytes, or before an encoded message of so many."""
    return varint(number << 3 | 2) + varint(size)


def integer_field(number: int, value: int) -> bytes:
    """Return an integer or an enumeration value; a negative one as its 64 bits."""
    return varint(number << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def float_field(number: int, value: float) -> bytes:
    """Return a 32-bit float; one that is too large becomes infinite."""
    try:
        return varint(number << 3 | 5) + struct.pack("<f", float(value))
    except OverflowError:
        return varint(number << 3 | 5) + struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def double_field(number: int, value: float) -> bytes:
    """Return a 64-bit float."""
    return varint(number << 3 | 1) + struct.pack("<d", value)


def varint(value: int) -> bytes:
    """Return an integer of at least 0, seven bits to a byte, the lowest first; all but the last have the eighth bit."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
