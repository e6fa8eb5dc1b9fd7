"""ONNX models, encoded as protocol buffers without the package onnx.

Field numbers are those of `onnx.proto3` (ONNX 1.16, IR version 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.protobuf import bytes_field, bytes_header, float_field, integer_field, text_field

OPSET_VERSION = 19
_IR_VERSION = 9
_ELEMENT_TYPES = {  # TensorProto.DataType
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int32": 6, "int64": 7, "bool": 9, "uint32": 12, "uint64": 13,
}  # fmt: skip
_PRODUCER = "rnntui"

_Parts = list[bytes | memoryview]
"""An encoded message in parts, which are joined once: a model has one copy of its weights, not one for each level."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a graph.

    Args:
        name: its name.
        dtype: type of its elements.
        shape: its sizes; a name stands for a size that is free.
    """

    name: str
    dtype: Any
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Node:
    """An operator with the names of its inputs and outputs; an input that is left out has an empty name."""

    operator: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""
    outputs: tuple[str, ...] = ("y",)


@dataclass(frozen=True)
class Graph:
    """Nodes in the order in which they are computed.

    Args:
        name: its name.
        nodes: the nodes; names of their inputs may be those of a graph around this one.
        constants: arrays by name.
        inputs: the inputs, in order.
        outputs: the outputs, in order.
    """

    name: str
    nodes: Sequence[Node]
    constants: Mapping[str, NDArray[Any]]
    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]


Attribute = int | float | str | Sequence[int] | Sequence[str] | Graph


def encode_model(graph: Graph, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a model; `metadata` are texts that a program can read from the file."""
    opsets = [
        text_field(1, domain) + integer_field(2, version)
        for domain, version in (("", OPSET_VERSION), ("com.microsoft", 1))
    ]
    return b"".join(
        [
            integer_field(1, _IR_VERSION),
            text_field(2, _PRODUCER),
            *_message(7, _graph(graph)),
            *(bytes_field(8, opset) for opset in opsets),
            *(bytes_field(14, text_field(1, key) + text_field(2, value)) for key, value in (metadata or {}).items()),
        ]
    )


def element_type(dtype: Any) -> int:
    """Return the number of a type of elements, which `Cast` takes."""
    return _ELEMENT_TYPES[np.dtype(dtype).name]


def _message(number: int, parts: _Parts) -> _Parts:
    """Return a field whose value is a message in parts."""
    return [bytes_header(number, sum(map(len, parts))), *parts]


def _graph(graph: Graph) -> _Parts:
    """Encode a `GraphProto`."""
    return [
        *(bytes_field(1, _node(node)) for node in graph.nodes),
        text_field(2, graph.name),
        *(part for name, array in graph.constants.items() for part in _message(5, _tensor(name, array))),
        *(bytes_field(11, _tensor_info(info)) for info in graph.inputs),
        *(bytes_field(12, _tensor_info(info)) for info in graph.outputs),
    ]


def _node(node: Node) -> bytes:
    """Encode a `NodeProto`."""
    return b"".join(
        [
            *(text_field(1, name) for name in node.inputs),
            *(text_field(2, name) for name in node.outputs),
            text_field(4, node.operator),
            *(bytes_field(5, _attribute(name, value)) for name, value in node.attributes.items()),
            text_field(7, node.domain),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    """Encode an `AttributeProto`; field 20 is its type."""
    encoded = text_field(1, name)
    match value:
        case int():
            return encoded + integer_field(3, value) + integer_field(20, 2)
        case float():
            return encoded + float_field(2, value) + integer_field(20, 1)
        case str():
            return encoded + text_field(4, value) + integer_field(20, 3)
        case Graph():
            return encoded + b"".join(_message(6, _graph(value))) + integer_field(20, 5)
    texts = [text_field(9, item) for item in value if isinstance(item, str)]
    integers = [integer_field(8, item) for item in value if isinstance(item, int)]
    return encoded + b"".join(texts or integers) + integer_field(20, 8 if texts else 7)


def _tensor(name: str, array: NDArray[Any]) -> _Parts:
    """Encode a `TensorProto`; raw data is little-endian, in C order."""
    data = np.asarray(array, array.dtype.newbyteorder("<"), order="C").reshape(-1).view(np.uint8).data
    return [
        *(integer_field(1, size) for size in array.shape),
        integer_field(2, _ELEMENT_TYPES[array.dtype.name]),
        text_field(8, name),
        bytes_header(9, len(data)),
        data,
    ]


def _tensor_info(info: TensorInfo) -> bytes:
    """Encode a `ValueInfoProto`."""
    sizes = (text_field(2, size) if isinstance(size, str) else integer_field(1, size) for size in info.shape)
    shape = b"".join(bytes_field(1, size) for size in sizes)
    tensor = integer_field(1, element_type(info.dtype)) + bytes_field(2, shape)
    return text_field(1, info.name) + bytes_field(2, bytes_field(1, tensor))
