"""Products of integer matrices by numpy, or by onnxruntime, which reads a quarter or an eighth of the memory.

onnxruntime has two operators for them. `MatMulNBits` reads 4-bit weights, the fastest for a single row. It scales each
block of a row by its largest input to 8 bits, so every block has one more input of 127 with the weight 0, which makes
that scale 1 and the inputs stay the integers that they are. `MatMulInteger` reads 8-bit weights and is the faster one
for several rows. Both are checked against numpy when a matrix is loaded, since processors without the instructions
for 8-bit products have kernels that are not exact.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnntui.inference import onnx_format
from rnntui.inference.cells import Array

Integers = NDArray[np.int8]

MAX_INPUT = 127  # inputs are integers from -127 to 127
BLOCK_ROWS = 127  # rows of the weights in a block; with the additional one, a block of `MatMulNBits`
_BLOCK = BLOCK_ROWS + 1
_MIN_WEIGHTS = 200_000  # of a matrix for onnxruntime, whose calls cost as much as numpy's product of so many weights
_CHECKED = 1 << 18  # weights of a kernel that are checked at a time, in float32
_OFFSET = 128  # added to inputs, which `MatMulInteger` takes as unsigned integers


class IntegerKernel(Protocol):
    """Multiplies by a matrix of integers `(K', N)`, K' ≥ K."""

    def __call__(self, inputs: Array, /) -> Array:
        """Return the product `(R, N)` of `inputs (R, K)` and the first K rows, exactly; all are integers in float32."""
        ...


class NumpyKernel:
    """The product in float32, which is exact as long as all sums are below 2**24. `integers` are `(K', N)`."""

    def __init__(self, integers: Integers) -> None:
        self._weights = integers.astype(np.float32)

    def __call__(self, inputs: Array, /) -> Array:
        product: Array = inputs @ self._weights[: inputs.shape[1]]
        return product


class Int8Kernel:
    """The product with 8-bit weights by onnxruntime. `integers` are `(K', N)`."""

    def __init__(self, integers: Integers) -> None:
        self._rows = len(integers)
        self._run: Callable[[Any], Any] | None = None
        # Some processors have an exact kernel for signed weights, some only for unsigned ones.
        for zero_point in (np.int8(0), np.uint8(_OFFSET)):
            self._run = None  # frees the other one
            self._run = _session(_int8_model(integers, zero_point))
            if _is_exact(self, integers):
                return
        self._run = None

    @property
    def is_exact(self) -> bool:
        """False if this processor has no exact kernel, so that another class is needed."""
        return self._run is not None

    def __call__(self, inputs: Array, /) -> Array:
        assert self._run is not None
        unsigned = np.full((len(inputs), self._rows), _OFFSET, dtype=np.uint8)
        np.add(inputs, _OFFSET, out=unsigned[:, : inputs.shape[1]], casting="unsafe")
        product: Array = self._run(unsigned).astype(np.float32)
        return product


class Int4Kernel:
    """The product by onnxruntime with 4-bit weights for one row, 8-bit weights for several.

    Args:
        levels: `(blocks, 127, N)`, from -8 to 7, which are multiplied by the multiplier of their block.
        multipliers: `(blocks, N)`.
    """

    def __init__(self, levels: Integers, multipliers: Integers) -> None:
        self._shape = levels.shape
        self._integers = weights_of_levels(levels, multipliers)
        self._run = _session(_int4_model(levels, multipliers))
        self._one_row = self._multiply_one if _is_exact(self._multiply_one, self._integers) else self._several_rows

    def __call__(self, inputs: Array, /) -> Array:
        return self._one_row(inputs) if len(inputs) == 1 else self._several_rows(inputs)

    def _multiply_one(self, inputs: Array) -> Array:
        blocks = self._shape[0]
        padded = np.zeros(blocks * BLOCK_ROWS, dtype=np.float32)
        padded[: inputs.shape[1]] = inputs[0]
        with_maxima = np.full((1, blocks, _BLOCK), MAX_INPUT, dtype=np.float32)
        with_maxima[0, :, :BLOCK_ROWS] = padded.reshape(blocks, BLOCK_ROWS)
        product: Array = self._run(with_maxima.reshape(1, -1))
        return product

    @functools.cached_property
    def _several_rows(self) -> IntegerKernel:
        return int8_kernel(self._integers)


def int8_kernel(integers: Integers) -> IntegerKernel:
    """Return the fastest kernel that is installed for 8-bit weights `(K', N)`."""
    if integers.size >= _MIN_WEIGHTS and is_fast_kernel_installed():
        kernel = Int8Kernel(integers)
        if kernel.is_exact:
            return kernel
    return NumpyKernel(integers)


def int4_kernel(levels: Integers, multipliers: Integers) -> IntegerKernel:
    """Return the fastest kernel that is installed for 4-bit weights; for the arguments see `Int4Kernel`."""
    if levels.size >= _MIN_WEIGHTS and is_fast_kernel_installed():
        return Int4Kernel(levels, multipliers)
    return NumpyKernel(weights_of_levels(levels, multipliers))


def weights_of_levels(levels: Integers, multipliers: Integers) -> Integers:
    """Return the weights `(blocks * 127, N)`, from -120 to 105; for the arguments see `Int4Kernel`."""
    return (levels * multipliers[:, None]).reshape(-1, levels.shape[-1])


def _is_exact(multiply: IntegerKernel, integers: Integers) -> bool:
    """Return True if a kernel multiplies a row as numpy does, also with the largest inputs."""
    inputs = np.random.default_rng(1).integers(-MAX_INPUT, MAX_INPUT + 1, (1, len(integers))).astype(np.float32)
    inputs[:, ::3] = MAX_INPUT
    product, columns = multiply(inputs), integers.shape[1]
    step = max(1, _CHECKED // max(1, len(integers)))
    parts = (slice(start, start + step) for start in range(0, columns, step))
    return all(np.array_equal(product[:, part], NumpyKernel(integers[:, part])(inputs)) for part in parts)


@functools.cache
def is_fast_kernel_installed() -> bool:
    """Return True if onnxruntime is installed; it is not imported."""
    return importlib.util.find_spec("onnxruntime") is not None


# Each model is encoded in a function of its own: what it is made of is freed before onnxruntime copies it.


def _int8_model(integers: Integers, zero_point: np.int8 | np.uint8) -> bytes:
    """Return a model of the product with integers `(K', N)`, stored with a sign if the zero point has one."""
    weights: NDArray[Any] = integers
    if zero_point:
        weights = integers.view(np.uint8) ^ np.uint8(_OFFSET)
    zeros: dict[str, NDArray[Any]] = {
        "input_zero": np.array(np.uint8(_OFFSET)),
        "weight_zero": np.array(zero_point),
    }
    node = onnx_format.Node("MatMulInteger", ("x", "weights", "input_zero", "weight_zero"))
    return _product_model(node, {"weights": weights, **zeros}, (np.uint8, np.int32))


def _int4_model(levels: Integers, multipliers: Integers) -> bytes:
    """Return a model of the product with the weights that `Int4Kernel` describes."""
    blocks, _, columns = levels.shape
    packed = np.empty((columns, blocks, _BLOCK // 2), dtype=np.uint8)  # two to a byte
    nibbles = np.full((_BLOCK, columns), 8, dtype=np.uint8)
    for block in range(blocks):
        np.add(levels[block], 8, out=nibbles[:BLOCK_ROWS], casting="unsafe")
        packed[:, block] = (nibbles[0::2] | nibbles[1::2] << 4).T
    constants: dict[str, NDArray[Any]] = {"weights": packed, "scales": multipliers.T.astype(np.float32).ravel()}
    attributes = {"K": blocks * _BLOCK, "N": columns, "bits": 4, "block_size": _BLOCK, "accuracy_level": 4}
    node = onnx_format.Node("MatMulNBits", ("x", "weights", "scales"), attributes, "com.microsoft")
    return _product_model(node, constants, (np.float32, np.float32))


def _product_model(node: onnx_format.Node, constants: Mapping[str, NDArray[Any]], types: tuple[Any, Any]) -> bytes:
    """Return a model with one node, from a matrix `x` to a matrix `y` of any sizes; `types` are theirs."""
    x, y = (
        onnx_format.TensorInfo(name, dtype, (f"{name}0", f"{name}1")) for name, dtype in zip("xy", types, strict=True)
    )
    return onnx_format.encode_model(onnx_format.Graph("product", [node], constants, [x], [y]))


def _session(model: bytes) -> Callable[[Any], Any]:
    """Return a function that runs a model on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.enable_cpu_mem_arena = False  # in which weights take up to twice their size; no slower without it
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.disable_fallback()
    session._model_bytes = b""  # which it keeps to fall back on another device
    return lambda inputs: session.run(None, {"x": inputs})[0]
