"""Construction of ONNX graphs with operators on symbolic values, so that equations read as they do in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.inference.onnx_format import Attribute, Graph, Node, TensorInfo, element_type

_END = np.iinfo(np.int64).max  # as the end of a slice: the end of the axis
Operand = Any
"""A `Value`, or a number for a constant of the other operand's type."""


class Value:
    """The result of a node, a constant or an input of a graph; `dtype` is the numpy type of its elements.

    `&`, `^` and `>>` are for int64; `>>` is for numbers that are not negative. A comparison with `!=` gives 0 or 1 in
    int64, so that it can be counted with.
    """

    def __init__(self, builder: GraphBuilder, name: str, dtype: Any) -> None:
        self.builder = builder
        self.name = name
        self.dtype = np.dtype(dtype)

    def __add__(self, other: Operand) -> Value:
        return self._binary("Add", other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Value:
        return self._binary("Sub", other)

    def __mul__(self, other: Operand) -> Value:
        return self._binary("Mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Value:
        return self._binary("Div", other)

    def __mod__(self, other: Operand) -> Value:
        return self._binary("Mod", other)

    def __and__(self, other: Operand) -> Value:
        return self._binary("BitwiseAnd", other)

    __rand__ = __and__

    def __xor__(self, other: Operand) -> Value:
        return self._binary("BitwiseXor", other)

    __rxor__ = __xor__

    def __rshift__(self, bits: int) -> Value:
        return self._binary("Div", 1 << bits)  # BitShift is for unsigned integers alone

    def __ne__(self, other: Operand) -> Value:  # type: ignore[override]
        return self.equal(other).logical_not().cast(np.int64)

    __hash__ = None  # type: ignore[assignment]

    def __matmul__(self, other: Value) -> Value:
        return self._binary("MatMul", other)

    def __getitem__(self, key: int | slice) -> Value:
        """Return a part of the first axis, without that axis for an integer."""
        return self.take(key, 0)

    def take(self, key: int | slice, axis: int) -> Value:
        """Return a part along an axis, without that axis for an integer."""
        if isinstance(key, int):
            return self.builder.node("Gather", self, self.builder.constant(key), axis=axis)
        start, stop = key.start or 0, _END if key.stop is None else key.stop
        bounds = (self.builder.constant([bound]) for bound in (start, stop, axis))
        return self.builder.node("Slice", self, *bounds)

    def equal(self, other: Operand) -> Value:
        """Return where both are equal, as bool."""
        return self._binary("Equal", other, np.bool_)

    def less(self, other: Operand) -> Value:
        """Return where this is less, as bool."""
        return self._binary("Less", other, np.bool_)

    def logical_not(self) -> Value:
        """Return the opposite of a bool."""
        return self.builder.node("Not", self)

    def cast(self, dtype: Any) -> Value:
        """Return the value with elements of another type."""
        return self.builder.node("Cast", self, dtype=dtype, to=element_type(dtype))

    def transpose(self, *axes: int) -> Value:
        """Return the value with its axes in that order."""
        return self.builder.node("Transpose", self, perm=axes)

    def expand(self, *axes: int) -> Value:
        """Return the value with axes of size 1 inserted at those places."""
        return self.builder.node("Unsqueeze", self, self.builder.constant(list(axes)))

    def squeeze(self, *axes: int) -> Value:
        """Return the value without those axes, which have size 1."""
        return self.builder.node("Squeeze", self, self.builder.constant(list(axes)))

    def reshape(self, *sizes: int | Value) -> Value:
        """Return the value in another shape; 0 keeps a size, -1 fits, a `Value` of shape `(1,)` is computed."""
        if all(isinstance(size, int) for size in sizes):
            return self.builder.node("Reshape", self, self.builder.constant(list(sizes)))
        parts = [self.builder.constant([size]) if isinstance(size, int) else size for size in sizes]
        return self.builder.node("Reshape", self, self.builder.concat(parts, 0))

    def size(self, axis: int) -> Value:
        """Return the size of an axis, `(1,)`."""
        return self.builder.node("Shape", self, dtype=np.int64, start=axis, end=axis + 1)

    def _binary(self, operator: str, other: Operand, dtype: Any = None) -> Value:
        if not isinstance(other, Value):
            other = self.builder.constant(np.array(other, dtype=self.dtype))
        return self.builder.node(operator, self, other, dtype=dtype)


class GraphBuilder:
    """A graph that is being built.

    Args:
        name: name of the graph.
        outer: the builder of the graph around this one, whose values its nodes may read.
    """

    def __init__(self, name: str, outer: GraphBuilder | None = None) -> None:
        self.name = name
        self._outer = outer
        self._nodes: list[Node] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], Value] = {}  # small constants
        self._arrays: dict[int, tuple[Any, Value]] = {}  # larger ones by identity, which are stored once
        self._inputs: list[TensorInfo] = []
        self._outputs: list[TensorInfo] = []
        self._count = 0

    def input(self, name: str, dtype: Any, *shape: int | str) -> Value:
        """Return an input; a name stands for a size that is free."""
        name = self._prefix + name
        self._inputs.append(TensorInfo(name, dtype, shape))
        return Value(self, name, dtype)

    def output(self, name: str, value: Value, *shape: int | str) -> None:
        """Make a value an output."""
        name = self._prefix + name
        self._nodes.append(Node("Identity", (value.name,), outputs=(name,)))
        self._outputs.append(TensorInfo(name, value.dtype, shape))

    def constant(self, array: Any, name: str = "") -> Value:
        """Return a constant; integers that are no arrays are int64, and `name` is for one that a reader should know."""
        values = np.asarray(array)
        if values.size > 8 and not name and id(array) in self._arrays:
            return self._arrays[id(array)][1]
        if not name and values.size <= 8:
            key = (values.dtype.name, values.shape, values.tobytes())
            if key not in self._known:
                self._known[key] = self._add_constant(values, f"constant_{self._next()}")
            return self._known[key]
        value = self._add_constant(values, name or f"constant_{self._next()}")
        self._arrays[id(array)] = array, value
        return value

    def node(
        self, operator: str, *inputs: Value | None, dtype: Any = None, domain: str = "", **attributes: Attribute
    ) -> Value:
        """Add a node with one output, by default of the first input's type. Inputs that are None are left out."""
        return self.nodes(operator, *inputs, count=1, dtype=dtype, domain=domain, **attributes)[0]

    def nodes(
        self,
        operator: str,
        *inputs: Value | None,
        count: int,
        dtype: Any = None,
        domain: str = "",
        **attributes: Attribute,
    ) -> list[Value]:
        """Add a node with several outputs of one type, see `node`."""
        number = self._next()
        outputs = [
            Value(self, f"{self._prefix}{operator}_{number}_{index}", dtype or _dtype(inputs)) for index in range(count)
        ]
        names = tuple("" if value is None else value.name for value in inputs)
        self._nodes.append(Node(operator, names, attributes, domain, tuple(output.name for output in outputs)))
        return outputs

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Return values beside each other along an axis."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=axis)

    def stack(self, values: Sequence[Value], axis: int) -> Value:
        """Return values beside each other along a new axis."""
        return self.concat([value.expand(axis) for value in values], axis)

    def where(self, condition: Value, chosen: Value, other: Value) -> Value:
        """Return `chosen` where a condition is true, else `other`."""
        return self.node("Where", condition, chosen, other, dtype=chosen.dtype)

    def graph(self) -> Graph:
        """Return the graph as it is now."""
        return Graph(self.name, self._nodes, self._constants, self._inputs, self._outputs)

    @property
    def _prefix(self) -> str:
        """The beginning of names in a graph within another one: they must differ from those outside."""
        return f"{self.name}." if self._outer else ""

    def _add_constant(self, array: NDArray[Any], name: str) -> Value:
        name = self._prefix + name
        self._constants[name] = array
        return Value(self, name, array.dtype)

    def _next(self) -> int:
        self._count += 1
        return self._count


def _dtype(inputs: Sequence[Value | None]) -> Any:
    return next(value.dtype for value in inputs if value is not None)
