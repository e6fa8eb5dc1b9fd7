"""Weights in safetensors files."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_examples import Failure, fail
from safetensors import safe_open

from rnntui.errors import RunError
from rnntui.runs.weights_file import check_arrays, load_arrays, load_weights, open_weights, save_arrays
from rnntui.runs.weights_header import read_weights_header


def test_arrays_and_metadata_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    arrays: dict[str, Any] = {
        "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
        "transposed": np.arange(12, dtype=np.float64).reshape(3, 4).T,
        "every other": np.arange(10, dtype=np.int64)[::2],
        "none": np.zeros((0, 3), dtype=np.uint8),
        "half": np.array([1.5, -0.0, np.inf], dtype=np.float16),
        "number": np.array(7),
    }
    save_arrays(path, arrays, {"step": "3", "日本": "\n"})
    loaded, metadata = load_arrays(path)
    assert metadata == {"step": "3", "日本": "\n"}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].shape == array.shape, name
        assert loaded[name].dtype == array.dtype, name
        assert np.array_equal(loaded[name], array), name


def test_equal_arrays_and_metadata_make_equal_files_which_safetensors_reads(tmp_path: Path) -> None:
    arrays = {"b": np.arange(3, dtype=np.float16), "a": np.ones((2, 2), np.float32)}
    metadata = dict.fromkeys(("step", "kind", "format", "日本", "\x01", "name"), '\u2028\x7f"😀')
    files = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for file in files:
        save_arrays(file, arrays, metadata)
        metadata = dict(reversed(metadata.items()))
    [data] = {file.read_bytes() for file in files}
    assert int.from_bytes(data[:8], "little") % 8 == 0
    with safe_open(files[0], "numpy") as stored:
        assert {key: stored.metadata()[key] for key in metadata} == metadata
        assert all(np.array_equal(stored.get_tensor(name), array) for name, array in arrays.items())


def test_rows_of_a_weight_in_any_order_and_of_more_than_one_block(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    array = np.arange(300_000, dtype=np.float32).reshape(3000, 100)
    save_arrays(path, {"first": np.zeros(7, dtype=np.float32), "table": array}, {})
    with open_weights(path) as weights:
        table = weights["table"]
        for rows in (slice(1000, 1003), slice(0, 2), slice(2999, 3000)):
            assert np.array_equal(table[rows], array[rows])
        assert np.array_equal(table.whole(), array)


def test_a_header_of_more_arrays_than_any_model_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.safetensors"
    save_arrays(path, {f"array {number}": np.zeros(1, dtype=np.float32) for number in range(9)}, {})
    objects = path.read_bytes().count(b"{")
    monkeypatch.setattr("rnntui.runs.weights_header._MAX_ARRAYS", objects)
    assert len(load_weights(path)) == 9
    monkeypatch.setattr("rnntui.runs.weights_header._MAX_ARRAYS", objects - 1)
    with pytest.raises(RunError, match="too many arrays"):
        load_weights(path)


GRID = np.arange(24, dtype=np.float32).reshape(4, 6)
LAYOUTS = {
    "C order": GRID,
    "Fortran order": np.asfortranarray(GRID),
    "transposed": GRID.T,
    "axes permuted": GRID.reshape(2, 3, 4).transpose(2, 0, 1),
    "columns of a matrix": GRID[:, 1:4],
    "every other column": GRID[:, ::2],
    "rows reversed": GRID[::-1],
    "every other number, reversed": np.arange(10, dtype=np.int64)[::-2],
    "broadcast": np.broadcast_to(np.float32(3), (4, 5)),
    "one of a strided array": GRID.ravel()[::5][:1],
    "big-endian": GRID.astype(">f4"),
    "no rows": np.zeros((0, 3), dtype=np.float32),
    "no rows, transposed": np.zeros((0, 3), dtype=np.float32).T,
    "a scalar": np.array(7.0),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_arrays_of_any_memory_layout_round_trip(name: str, tmp_path: Path) -> None:
    # safetensors 0.8.0 writes the memory of an array as if it were in C order, without an error: a transposed matrix
    # comes back scrambled. Version 0.7.0 copied it first.
    array = LAYOUTS[name]
    path = tmp_path / "layout.safetensors"
    save_arrays(path, {"w": array}, {})
    loaded = load_arrays(path)[0]["w"]
    assert loaded.shape == array.shape
    assert np.array_equal(loaded, array)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_of_any_dtype_load_as_float32(dtype: type, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.array([[0.5, -2.0]], dtype=dtype)}, {})
    weights = load_weights(path)
    assert weights["w"].dtype == np.float32
    assert weights["w"].tolist() == [[0.5, -2.0]]


@pytest.mark.parametrize(("stored", "read"), [("<f2", "<f2"), ("<f4", "<f4"), ("<f8", "<f4")])
def test_a_table_has_half_the_bits_where_its_file_has_and_32_else(tmp_path: Path, stored: str, read: str) -> None:
    save_arrays(tmp_path / "model.safetensors", {"w": np.array([[0.5, -2.0]], dtype=stored)}, {})
    with open_weights(tmp_path / "model.safetensors") as weights:
        table = weights["w"].table()
    assert table.dtype == read and table.tolist() == [[0.5, -2.0]]


@pytest.mark.parametrize("read", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.float16, np.float32, np.float64])
def test_rows_have_the_type_that_is_asked_for(tmp_path: Path, stored: type, read: type) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.array([[0.5, -2.0], [1.25, 3.0]], dtype=stored)}, {})
    with open_weights(path, read) as weights:
        rows, whole = weights["w"][1:2], weights["w"].whole()
        assert weights["w"].nbytes == 4 * np.dtype(stored).itemsize
    assert (rows.dtype, rows.tolist()) == (read, [[1.25, 3.0]])
    assert (whole.dtype, whole.tolist()) == (read, [[0.5, -2.0], [1.25, 3.0]])


@pytest.mark.parametrize("sign", [-1, 1])
def test_weights_below_a_million_are_weights(tmp_path: Path, sign: int) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.array([999_999.9 * sign, 0], dtype=np.float32)}, {})
    assert abs(load_weights(path)["w"][0]) > 999_999
    for weight in (np.float32(1e6), np.float64(999_999.99)):  # which is a million in float32
        save_arrays(path, {"w": np.array([weight * sign, 0])}, {})
        with pytest.raises(RunError, match="no trained model has"):
            load_weights(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"w"', b'"v"', id="name"),
        pytest.param(b"F32", b"I32", id="type"),
        pytest.param(b"[2,3]", b"[3,2]", id="shape"),
        pytest.param(b'"step":"7"', b'"step":"8"', id="metadata"),
        pytest.param(b"\0\0\x80?", b"\0\0\x80>", id="number"),
    ],
)
def test_what_was_changed_in_a_file_is_not_loaded(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.ones((2, 3), np.float32), "x": np.zeros(3, np.float32)}, {"step": "7"})
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    for load in (load_arrays, load_weights, lambda path: check_arrays(path, are_weights=False)):
        with pytest.raises(RunError) as caught:
            load(path)
        assert f"{path} is damaged" in str(caught.value)


@pytest.mark.parametrize("load", [load_arrays, load_weights, lambda path: check_arrays(path, are_weights=False)])
def test_a_disk_that_fails_while_arrays_are_read_is_told_with_the_file(
    load: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.ones(2, dtype=np.float32)}, {})

    def broken(*_: object) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr("rnntui.runs.weights_file.StoredArray.elements", broken)
    with pytest.raises(RunError, match="Input/output error") as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_header_names_each_type_once(tmp_path: Path) -> None:
    arrays = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.int8), "c": np.zeros(5, np.float32)}
    save_arrays(tmp_path / "model.safetensors", arrays, {"step": "7"})
    header = read_weights_header(tmp_path / "model.safetensors")
    assert header is not None and sorted(header.types) == ["I8", "float32"]
    assert (header.parameters, header.step) == (15, 7)


@pytest.mark.parametrize("room", [-1, 0])
def test_a_header_longer_than_any_of_ours_is_not_read(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.safetensors").write_bytes(GOOD)
    monkeypatch.setattr("rnntui.runs.weights_header._MAX_BYTES", struct.unpack("<Q", GOOD[:8])[0] + room)
    assert (read_weights_header(tmp_path / "model.safetensors") is None) == (room < 0)


def with_header(header: str) -> bytes:
    """A file of four bytes behind a header."""
    return struct.pack("<Q", len(header)) + header.encode() + bytes(4)


@pytest.mark.parametrize("shape", ["[-1]", "[1.0]", "[true]", '["1"]', "1", "[1, -1, -1]", "[" + "1, " * 32 + "1]"])
def test_what_is_no_shape_is_no_header(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_header(f'{{"w": {{"dtype": "F32", "shape": {shape}, "data_offsets": [0, 4]}}}}'))
    assert read_weights_header(path) is None


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [("1, " * 31 + "1", 1), (str((1 << 63) - 1), (1 << 63) - 1), (str(1 << 63), None), (f"{1 << 62}, 2", None)],
)
def test_a_shape_has_fewer_elements_than_any_index_can_count(
    tmp_path: Path, shape: str, parameters: int | None
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_header(f'{{"w": {{"dtype": "F32", "shape": [{shape}], "data_offsets": [0, 4]}}}}'))
    found = read_weights_header(path)
    assert (found and found.parameters) == parameters


@pytest.mark.parametrize("offsets", ["[0, 4.0]", "[0.0, 4]", "[false, 4]", "[0, 3]", "[1, 4]", "[4, 0]", "[4]", "null"])
def test_an_array_that_is_nowhere_is_no_header(tmp_path: Path, offsets: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(with_header(f'{{"w": {{"dtype": "F32", "shape": [1], "data_offsets": {offsets}}}}}'))
    assert read_weights_header(path) is None


@pytest.mark.parametrize("metadata", ['{"step": 7}', '{"step": "7", "epoch": null}', "[]", '"7"'])
def test_metadata_are_texts(tmp_path: Path, metadata: str) -> None:
    path = tmp_path / "model.safetensors"
    array = '"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    path.write_bytes(with_header(f'{{"__metadata__": {metadata}, {array}}}'))
    assert read_weights_header(path) is None


def test_of_the_name_of_a_type_a_header_keeps_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for length in (19, 20, 21, 500):
        path.write_bytes(raw_safetensors("F" * length, b"\0" * 4))
        found = read_weights_header(path)
        assert found is not None and found.types == ("F" * min(length, 20),)


def raw_safetensors(dtype: str, data: bytes) -> bytes:
    """A file of one number, of a type that numpy may lack."""
    header = json.dumps({"w": {"dtype": dtype, "shape": [1], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


GOOD = raw_safetensors("F32", struct.pack("<f", 1.5))


@pytest.mark.parametrize("load", [load_arrays, load_weights])
@pytest.mark.parametrize("content", [None, *(GOOD[:length] for length in (0, 1, 8, 20, len(GOOD) - 1))])
def test_missing_or_truncated_weights_are_refused_naming_the_file(
    load: Callable[[Path], object], content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("load", [load_arrays, load_weights])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"garbage " * 50, id="text"),
        pytest.param(b"\0" * 100, id="zeros"),
        pytest.param(b"\xff" * 100, id="a header longer than any file"),
        pytest.param(GOOD + b"more", id="longer than it says"),
        pytest.param(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94.", id="a pickle"),
        pytest.param(raw_safetensors("F99", b"\0" * 4), id="no type that is known"),
        pytest.param(raw_safetensors("BF16", b"\0" * 2), id="bfloat16"),
        pytest.param(raw_safetensors("F8_E4M3", b"\0"), id="float8"),
    ],
)
def test_a_file_that_is_not_weights_is_refused_naming_it(
    load: Callable[[Path], object], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_folder_in_place_of_weights_is_refused_naming_it(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        load_weights(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "weight",
    [
        np.array([1.0, math.nan], dtype=np.float32),
        np.array([math.inf], dtype=np.float16),
        np.array([-math.inf], dtype=np.float64),
        np.array([1e300], dtype=np.float64),
        np.array([1 + 2j], dtype=np.complex64),
    ],
    ids=["not a number", "infinite", "minus infinite", "too large for float32", "complex"],
)
def test_unusable_weights_are_refused_naming_file_and_weight(weight: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"output.bias": weight, "w": np.ones(2, dtype=np.float32)}, {})
    for load in (load_weights, lambda path: check_arrays(path, are_weights=True)):
        with pytest.raises(RunError, match=r"output\.bias") as caught:
            load(path)
        assert str(path) in str(caught.value)
    assert check_arrays(path, are_weights=False)


def test_saving_weights_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.ones(2, dtype=np.float32)}, {})
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(Failure):
        save_arrays(path, {"w": np.zeros(2, dtype=np.float32)}, {})
    assert load_weights(path)["w"].tolist() == [1.0, 1.0]
