"""Mutations of the files of a run, as somebody with bad intentions may make them; used by `hostile.py`.

All are generated from the files that a run has, always the same ones. What is kept of them is a kind and a label.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from rnntui.protobuf import varint

Json = Any
Entries = list[tuple[str, Json]]
"""Name and description of each tensor in the header of a safetensors file, in a list: names may repeat."""
Contents = bytes | Callable[[], bytes]
Variants = Iterator[tuple[str, str, Contents]]
"""Kind, label and contents of changed files, of which most are only made when they are wanted."""
Path_ = tuple[str | int, ...]
"""Keys and indices that lead to a value of JSON."""

PARTS = 64
FLIPS = 24
MEGA = 1 << 20


class Mutation(NamedTuple):
    """A mutation of a file of a run.

    Args:
        kind: what is done to it.
        file: its path in the run.
        label: which of the mutations of that kind it is.
        apply: does it to a copy of the run, given by its folder.
    """

    kind: str
    file: str
    label: str
    apply: Callable[[Path], None]


def mutations(run: Path, others: list[Path]) -> Iterator[Mutation]:
    """Yield all mutations of a run; `others` are the runs whose files are put in place of its own."""
    files = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    for name in files:
        data = (run / name).read_bytes()
        special: Variants = iter(())
        if name.endswith(".safetensors"):
            special = _tensors(data)
        elif name.endswith(".json"):
            special = _json(json.loads(data), data)
        elif name.endswith(".jsonl"):
            special = _json_lines(data)
        elif name.endswith(".model"):
            special = _protobuf(data)
        elif name.endswith(".txt"):
            special = (("text", str(index), text) for index, text in enumerate(_TEXTS))
        elif name.endswith((".ids", ".rows", ".ngrams")):
            special = (("ids", str(index), ids) for index, ids in enumerate(_ids(data)))
        for kind, label, changed in chain(_truncated(data), _flipped(name, data), _swapped(run, name, others), special):
            yield Mutation(kind, name, label, _writer(name, changed))
        yield from _file_system(name)
    yield from _together(run)
    if (run / "config.json").is_file():
        yield from _folders()


def _writer(name: str, data: Contents) -> Callable[[Path], None]:
    return lambda folder: _write(folder / name, _made(data))


def _made(data: Contents) -> bytes:
    return data() if callable(data) else data


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


# -- any file --------------------------------------------------------------------------------------------------------


def _truncated(data: bytes) -> Variants:
    for length in sorted({len(data) * part // PARTS for part in range(PARTS)}):
        yield "truncated", str(length), data[:length]


def _flipped(name: str, data: bytes) -> Variants:
    """Flip single bits: half of them among the first bytes, where headers are; then several at once."""
    rng = random.Random(f"{name}{len(data)}")
    for index in range(FLIPS):
        changed = bytearray(data)
        for _ in range(1 if index < FLIPS * 3 // 4 else 16):
            if changed:
                at = rng.randrange(min(len(data), 400) if index % 2 else len(data))
                changed[at] ^= 1 << rng.randrange(8)
        yield "bit flipped", str(index), bytes(changed)


def _swapped(run: Path, name: str, others: list[Path]) -> Variants:
    """Put the same file of another run in its place, and other files of its own."""
    for other in others:
        if other != run and (other / name).is_file():
            yield "swapped", f"{other.name}/{name}", (other / name).read_bytes()
    for path in sorted(run.rglob("*")):
        if path.is_file() and path != run / name:
            yield "swapped", path.name, path.read_bytes()
    yield "swapped", "twice", (run / name).read_bytes() * 2
    yield "swapped", "zeros", bytes(4096)
    yield "swapped", "random", random.Random(name).randbytes(4096)


def _file_system(name: str) -> Iterator[Mutation]:
    """Put something else than a file in the place of one."""

    def link(target: str) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            (folder / name).unlink()
            (folder / name).symlink_to(target)

        return apply

    def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
        def apply(folder: Path) -> None:
            (folder / name).unlink()
            make(folder / name)

        return apply

    outside = "../" * (2 + name.count("/")) + "outside/"
    targets = ("/dev/zero", "/dev/null", "/proc/self/mem", "/proc/kmsg", "nowhere", Path(name).name, "..", "/")
    for target in (*targets, f"{outside}canary.txt", f"{outside}status.json", f"{outside}large.bin"):
        yield Mutation("link", name, target, link(target))
    yield Mutation("device", name, "fifo", replaced(os.mkfifo))
    yield Mutation("device", name, "folder", replaced(Path.mkdir))
    yield Mutation("device", name, "missing", replaced(lambda path: None))
    yield Mutation("device", name, "sparse", lambda folder: os.truncate(folder / name, 200 * MEGA))


def _folders() -> Iterator[Mutation]:
    """Links in place of folders and of files that are not there yet, which lead out of the run."""
    names = ("resume", "source", "target", "novelty", "tensorboard", "lock", "known_words.txt", "note.txt.damaged")
    for name in (*names, "status.json.damaged", "metrics.jsonl.damaged", "model.safetensors.damaged"):
        for target in ("../../outside", "../../outside/canary.txt", ".", "nowhere"):

            def apply(folder: Path, name: str = name, target: str = target) -> None:
                path = folder / name
                if path.is_dir():
                    shutil.rmtree(path)
                path.unlink(missing_ok=True)
                path.symlink_to(target)
                # Something to repair, so that what is beside it is written.
                (folder / "status.json").write_bytes(b"{")
                with (folder / "metrics.jsonl").open("ab") as file:
                    file.write(b"broken\n")

            yield Mutation("folder link", name, target, apply)


# -- JSON ------------------------------------------------------------------------------------------------------------

DEEP = b"[" * 100_000 + b"]" * 100_000
_VALUES = (
    None, True, False, 0, 1, -1, 3, 2**31, 2**63, 2**64, 10**30, 10**308, 10**400, 0.5, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), -float("inf"), "", "x", "1", "nan", "\ud800", "\0", "\x1b[2J",
    "../../outside/canary.txt", "/etc/passwd", "x" * 100_000,
    [], [None], [[]], [1, 2], ["x"], ["x", "x"], {}, {"x": 1}, {"": None}, [{}] * 3,
)  # fmt: skip
_RAW = {
    "a number of 5,000 digits": b"1" * 5000, "overflow": b"1e999", "deep": DEEP,
    "many lists": b"[" + b"[]," * 300_000 + b"0]", "many objects": b"[" + b'{"a":1},' * 100_000 + b"0]",
    "long text": b'"' + b"x" * MEGA + b'"',
}  # fmt: skip
_MARK = "@mutation@"


def _json(value: Json, data: bytes) -> Variants:
    """Replace every value of a JSON file by others, leave keys out, repeat and add some."""
    for index, path in enumerate(_paths(value)):
        at = ".".join(map(str, path)) or "root"
        for replacement in _VALUES:
            kind = "huge number" if type(replacement) in (int, float) else "wrong type"
            if "format" in path:
                kind = "format"
            yield kind, f"{at}={str(replacement)[:20]!r}", partial(_with_value, value, path, replacement)
        for label, raw in _RAW.items():
            if index % 9 and len(raw) > MEGA // 2:
                continue
            yield ("deep" if label == "deep" else "bomb"), f"{at}={label}", partial(_with_raw, value, path, raw)
        if path:
            yield "wrong type", f"{at} left out", partial(_with_value, value, path, None, removes=True)
    for label, changed in {
        "key twice": data.replace(b"{", b'{"format":1,"kind":"x","format":2,', 1),
        "more keys": data.replace(b"{", b'{"more":[],"__class__":"x","self":1,"":0,', 1),
        "bom": b"\xef\xbb\xbf" + data,
        "utf-16": data.decode().encode("utf-16"),
        "latin": data.replace(b":", b": \xe9", 1),
        "comment": b"// x\n" + data,
        "empty": b"",
        "white space": b" " * 4 * MEGA + data,
        "large": data.rstrip()[:-1] + b',"more":[' + b"[]," * (4 * MEGA) + b"0]}",
    }.items():
        yield "json", label, changed


def _json_lines(data: bytes) -> Variants:
    """Do the same to the values of lines."""
    lines = data.splitlines(keepends=True)
    for index, line in enumerate(lines):
        for kind, label, changed in _json(json.loads(line), line):
            if label.split("=")[-1] in ("many lists", "many objects", "long text") and index:
                continue
            yield kind, f"{index} {label}", partial(_with_line, lines, index, changed)
    yield "json", "a long line", data + b"x" * 8 * MEGA + b"\n"
    yield "json", "many lines", data + b"{}\n" * 300_000
    yield "json", "many keys", data + b"".join(b'{"step":1,"k%d":1}\n' % index for index in range(50_000))
    yield "json", "repeated", data * 200


def _with_line(lines: list[bytes], index: int, changed: Contents) -> bytes:
    row = _made(changed).replace(b"\n", b" ") + b"\n"
    return b"".join([*lines[:index], row, *lines[index + 1 :]])


def _paths(value: Json, path: Path_ = ()) -> Iterator[Path_]:
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:3]):
            yield from _paths(item, (*path, index))


def _replaced(value: Json, path: Path_, replacement: Json, removes: bool = False) -> Json:
    if not path:
        return replacement
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and removes:
        del copy[path[0]]
    else:
        copy[path[0]] = _replaced(value[path[0]], path[1:], replacement, removes)
    return copy


def _with_value(value: Json, path: Path_, replacement: Json, removes: bool = False) -> bytes:
    return _dump(_replaced(value, path, replacement, removes))


def _with_raw(value: Json, path: Path_, raw: bytes) -> bytes:
    return _with_value(value, path, _MARK).replace(f'"{_MARK}"'.encode(), raw)


def _dump(value: Json) -> bytes:
    return json.dumps(value).encode()


# -- safetensors -----------------------------------------------------------------------------------------------------


def read_tensors(data: bytes) -> tuple[Entries, bytes]:
    """Return the entries of the header of a safetensors file, and the bytes after it."""
    size = int.from_bytes(data[:8], "little")
    return list(json.loads(data[8 : 8 + size]).items()), data[8 + size :]


def write_tensors(entries: Entries, body: bytes) -> bytes:
    """Return a safetensors file of these entries, whatever they say."""
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in entries) + "}"
    header = text.encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + body


def _tensors(data: bytes) -> Variants:
    entries, body = read_tensors(data)
    names = [name for name, _ in entries if name != "__metadata__"]
    described = dict(entries)
    for name in names:
        tensor = described[name]
        shape, (start, end) = tensor["shape"], tensor["data_offsets"]
        for label, changed in {
            "reversed": shape[::-1], "flat": [end - start], "empty": [0], "scalar": [], "one more": [*shape, 1],
            "one more before": [1, *shape], "negative": [-1, *shape[1:]], "fraction": [0.5, *shape[1:]],
            "text": ["1"], "huge": [2**40, 2**40], "overflow": [2**32, 2**32, 2**33], "2**63": [2**63],
            "zero times huge": [0, 2**60], "many": [1] * 1000, "none": None, "bool": [True],
        }.items():  # fmt: skip
            yield "shape", f"{name} {label}", partial(write_tensors, _changed(entries, name, shape=changed), body)
        for rows in (-1, 1):  # whole, with another number of rows
            if shape and shape[0] > 0 and shape[0] + rows > 0:
                part = body[start:end]
                width = len(part) // shape[0]
                part = part[: rows * width] if rows < 0 else part + part[:width]
                new = {**tensor, "shape": [shape[0] + rows, *shape[1:]]}
                yield "shape", f"{name} {rows:+} rows", partial(_assembled, entries, body, name, new, part)
        yield from _values(entries, body, name, tensor)
        for dtype in (
            "F64",
            "F16",
            "BF16",
            "F8_E4M3",
            "F8_E5M2",
            "F4",
            "I8",
            "U8",
            "I64",
            "U64",
            "BOOL",
            "C64",
            "X",
            1,
        ):
            yield "type", f"{name} {dtype}", partial(write_tensors, _changed(entries, name, dtype=dtype), body)
            width = {"F64": 8, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "I64": 8, "U64": 8, "BOOL": 1, "C64": 8}.get(
                str(dtype)
            )
            if width:
                count = 1
                for each in shape:
                    count *= each
                new = {**tensor, "dtype": dtype}
                yield (
                    "type",
                    f"{name} whole {dtype}",
                    partial(_assembled, entries, body, name, new, b"\1" * (width * count)),
                )
        for label, offsets in {
            "overlap": [0, end - start], "hole": [start + 4, end + 4], "backwards": [end, start],
            "negative": [-4, end - start - 4], "beyond": [start, end + 2**40], "2**64": [2**64, 2**64 + 4],
            "one": [start], "three": [start, end, end], "text": ["0", "4"], "none": None, "fraction": [0.0, 4.0],
        }.items():  # fmt: skip
            yield (
                "header",
                f"{name} {label}",
                partial(write_tensors, _changed(entries, name, data_offsets=offsets), body),
            )
        for label, keys in {"dtype": {"dtype"}, "shape": {"shape"}, "offsets": {"data_offsets"}}.items():
            smaller = {key: value for key, value in tensor.items() if key not in keys}
            changed = [(each, smaller if each == name else value) for each, value in entries]
            yield "header", f"{name} without {label}", partial(write_tensors, changed, body)
        yield "header", f"{name} twice", partial(write_tensors, [*entries, (name, tensor)], body)
        yield "header", f"{name} left out", partial(_assembled, entries, body, name, None, b"")
        for new_name in ("", "x" * 10_000, "\0", "\x1b[2J", "../x", "__metadata__", "model.x", "\ud800"):
            renamed = [(new_name if each == name else each, value) for each, value in entries]
            yield "header", f"{name} named {new_name[:8]!r}", partial(write_tensors, renamed, body)
    size = int.from_bytes(data[:8], "little")
    for length in (
        0,
        1,
        2,
        size - 1,
        size + 1,
        size + 8,
        len(data),
        len(data) - 8,
        10**8,
        2**31,
        2**32,
        2**63,
        2**64 - 1,
    ):
        yield "header", f"length {length}", struct.pack("<Q", length) + data[8:]
    for label, text in {
        "deep": DEEP, "list": b"[]", "number": b"1", "text": b'"x"', "null": b"null", "empty": b"{}",
        "spaces": b" " * MEGA,
        "not utf-8": b'{"\xff":1}', "metadata deep": b'{"__metadata__":' + DEEP + b"}", "zeros": bytes(1000),
        "many metadata": b'{"__metadata__":{' + b",".join(b'"%d":""' % i for i in range(100_000)) + b"}}",
        "many tensors": b"{" + b",".join(
            b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(50_000)) + b"}",
        "long name": b'{"' + b"x" * MEGA + b'":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    }.items():  # fmt: skip
        yield "header", label, len(text).to_bytes(8, "little") + text
    for label, metadata in {
        "numbers": {"step": 1}, "list": [], "text": "x", "none": None, "nested": {"a": {}},
        "surrogate": {"step": "\ud800"}, "long": {"step": "9" * 5000}, "checksum": {"sha256": "0" * 64},
        "progress": {"progress": "{}"}, "deep": {"progress": "[" * 50_000}, "controls": {"step": "\x1b[2J\n"},
    }.items():  # fmt: skip
        others = [(name, value) for name, value in entries if name != "__metadata__"]
        yield "header", f"metadata {label}", partial(write_tensors, [("__metadata__", metadata), *others], body)
    if "progress" in described.get("__metadata__", {}):
        progress = json.loads(described["__metadata__"]["progress"])
        for kind, label, changed in _json(progress, _dump(progress)):
            if label not in ("white space", "large"):
                yield kind, f"progress {label}", partial(_with_progress, entries, body, changed)


def _with_progress(entries: Entries, body: bytes, progress: Contents) -> bytes:
    new = {**dict(entries)["__metadata__"], "progress": _made(progress).decode("utf-8", "replace")}
    return write_tensors([(name, new if name == "__metadata__" else value) for name, value in entries], body)


def _values(entries: Entries, body: bytes, name: str, tensor: Json) -> Variants:
    """Put numbers into a tensor that no training gives."""
    start, end = tensor["data_offsets"]
    formats = {"F32": "<f", "F16": "<e", "F64": "<d"}
    if tensor["dtype"] not in formats:
        width = {"U8": 1, "U16": 2, "U32": 4, "U64": 8, "I32": 4, "I64": 8}.get(tensor["dtype"], 1)
        patterns = {
            "zeros": bytes(width),
            "ones": b"\xff" * width,
            "low": b"\1" + bytes(width - 1),
            "top": bytes(width - 1) + b"\x80",
        }
        for label, pattern in patterns.items():
            count = (end - start) // width
            for where, part in {
                "all": pattern * count,
                "first": pattern + body[start + width : end],
                "last": body[start : end - width] + pattern,
            }.items():
                yield "number", f"{name} {label} {where}", partial(body_with, entries, body, start, end, part)
        return
    for value in (float("nan"), float("inf"), -float("inf"), 3.0e38, -3.0e38, 999_999.0, 1e-45, 0.0, 60_000.0):
        try:
            pattern = struct.pack(formats[tensor["dtype"]], value)
        except OverflowError:
            continue
        kind = "number" if abs(value) < 1e38 else "not finite"
        part = pattern * ((end - start) // len(pattern))
        yield kind, f"{name} all {value}", partial(body_with, entries, body, start, end, part)
        yield (
            kind,
            f"{name} first {value}",
            partial(body_with, entries, body, start, end, pattern + body[start + len(pattern) : end]),
        )


def body_with(entries: Entries, body: bytes, start: int, end: int, part: bytes) -> bytes:
    """Return a file with a part of its bytes replaced by as many others."""
    return write_tensors(entries, body[:start] + part[: end - start] + body[end:])


def _changed(entries: Entries, name: str, **changes: Json) -> Entries:
    return [(each, {**value, **changes} if each == name else value) for each, value in entries]


def _assembled(entries: Entries, body: bytes, name: str, tensor: Json, part: bytes) -> bytes:
    """Return a valid file in which one tensor is replaced, or left out if it is None."""
    out: Entries = []
    new_body = b""
    for each, value in entries:
        if each == "__metadata__":
            out.append((each, value))
            continue
        start, end = value["data_offsets"]
        described, data = (tensor, part) if each == name else (value, body[start:end])
        if described is not None:
            out.append((each, {**described, "data_offsets": [len(new_body), len(new_body) + len(data)]}))
            new_body += data
    return write_tensors(out, new_body)


# -- sentencepiece ---------------------------------------------------------------------------------------------------


def _protobuf(data: bytes) -> Variants:
    """Change, repeat and leave out the fields of a message, and of the messages in it."""
    fields = list(_fields(data))
    rng = random.Random(len(data))
    picked = sorted(
        {*range(6), *rng.sample(range(len(fields)), min(12, len(fields))), *range(len(fields) - 6, len(fields))}
    )
    for index in picked:
        number, wire, value = fields[index]
        before, after = fields[:index], fields[index + 1 :]
        yield "protobuf", f"{index} left out", partial(_message, [*before, *after])
        yield "protobuf", f"{index} twice", partial(_message, [*before, fields[index], fields[index], *after])
        for label, changed in _field_values(wire, value):
            yield "protobuf", f"{index} {label}", partial(_message, [*before, (number, wire, changed), *after])
        if wire == 2 and isinstance(value, bytes):
            inner = list(_fields(value))
            for at, (inner_number, inner_wire, inner_value) in enumerate(inner):
                for label, changed in _field_values(inner_wire, inner_value):
                    part = _message([*inner[:at], (inner_number, inner_wire, changed), *inner[at + 1 :]])
                    yield "protobuf", f"{index}.{at} {label}", partial(_message, [*before, (number, 2, part), *after])
    pieces = [field for field in fields if field[0] == 1]
    rest = [field for field in fields if field[0] != 1]
    for label, changed in {
        "no pieces": rest, "one piece": [pieces[0], *rest], "reversed": pieces[::-1] + rest,
        "doubled": pieces * 2 + rest,
        "only pieces": pieces, "sorted": sorted(pieces, key=lambda field: bytes(field[2])) + rest,  # type: ignore[arg-type]
        "fewer": pieces[:300] + rest, "shuffled": rng.sample(pieces, len(pieces)) + rest,
    }.items():  # fmt: skip
        yield "protobuf", label, partial(_message, changed)


def _field_values(wire: int, value: bytes | int) -> Iterator[tuple[str, bytes | int]]:
    if wire == 0:
        for number in (0, 1, 2, 3, 4, 5, 6, 7, 100, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1):
            yield f"varint {number}", number
    elif wire == 5:
        for number in (0.0, -0.0, 1.0, -1e38, 1e38, float("nan"), float("inf"), -float("inf")):
            yield f"float {number}", struct.pack("<f", number)
    elif wire == 2:
        texts = (
            b"",
            b"a",
            b"\xff",
            b"\0",
            b"\n",
            b"\xe2\x96\x81",
            b"<0xFF>",
            b"<0xZZ>",
            b"<unk>",
            b"x" * 5000,
            b"\xed\xa0\x80",
        )
        for text in texts:
            yield f"bytes {text[:6]!r}", text


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """Yield number, wire type and value of each field, as far as it is a message."""
    at = 0
    while at < len(data):
        try:
            key, at = _varint(data, at)
            wire = key & 7
            if wire == 0:
                value, at = _varint(data, at)
                yield key >> 3, wire, value
                continue
            if wire == 2:
                length, at = _varint(data, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                return
            yield key >> 3, wire, data[at : at + length]
            at += length
        except IndexError:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128 or shift > 63:
            return value, at


def _message(fields: list[tuple[int, int, bytes | int]]) -> bytes:
    out = bytearray()
    for number, wire, value in fields:
        out += varint(number << 3 | wire)
        if isinstance(value, int):
            out += varint(value)
        else:
            out += (varint(len(value)) if wire == 2 else b"") + value
    return bytes(out)


# -- the rest --------------------------------------------------------------------------------------------------------

_TEXTS = (
    b"",
    b"\xff\xfe\xff",
    b"\0" * 1000,
    b"\x1b[2J\x1b]0;x\x07",
    b"x" * 2 * MEGA,
    b"a\n" * MEGA,
    "\u2028\u202e\U000e0001".encode(),
)


def _ids(data: bytes) -> Iterator[bytes]:
    yield from (b"", data + b"\0", b"\xff" * len(data), bytes(len(data)), data[:-2], data * 2)


def _together(run: Path) -> Iterator[Mutation]:
    """Change vocabulary and config together, or sizes in the config, so that they no longer belong to the weights."""
    config_file = run / "config.json"
    if not config_file.is_file():
        return
    config = json.loads(config_file.read_bytes())
    table_file = run / "tokenizer.json"
    if table_file.is_file():
        table = json.loads(table_file.read_bytes())
        key = "characters" if "characters" in table else "words"
        for label, values in {
            "fewer": table[key][:-1], "more": [*table[key], "é"],
            "many": [chr(0x4E00 + index) for index in range(20_000)],
            "none": [], "one": table[key][:1], "long": [*table[key][:-1], "x" * 1000],
            "surrogate": [*table[key][:-1], "\ud800"],
            "empty": [*table[key][:-1], ""], "twice": [*table[key][:-1], table[key][0]],
            "last": [*table[key][:-1], "\U0010ffff"],
            "text": "".join(table[key]), "object": dict.fromkeys(table[key]), "marks": [*table[key][:-1], "<unk>"],
        }.items():  # fmt: skip
            for has_end in (False, True):
                new_table = {**table, key: values, "has_end": has_end}
                size = len(values) + 1 + has_end
                new_config = _replaced(config, ("tokenizer", "vocab_size"), size)

                def apply(folder: Path, table: Json = new_table, config: Json = new_config) -> None:
                    _write(folder / "tokenizer.json", _dump(table))
                    _write(folder / "config.json", _dump(config))

                yield Mutation("vocabulary", "tokenizer.json", f"{label} {has_end}", apply)
    sizes = {
        "hidden": (1, 2, 8192), "layers": (1, 2, 3, 4), "embedding": (1, 8192), "encoder_hidden": (1, 8192),
        "ngrams": (1, 2, 3, 4, "none", "char", "word", "both"), "ngram_buckets": (1, 10_000_000),
        "ngram_prior": (0, 1, 8, 9),
        "tied": (True, False), "cell": ("lstm", "gru", "rnn"), "attention": ("none", "dot", "general", "additive"),
        "pooling": ("max", "attention", "mean", "last"), "bidirectional": (True, False), "input_feeding": (True, False),
    }  # fmt: skip
    changes: list[tuple[str, Json]] = []
    for key, options in sizes.items():
        if key in config["model"]:
            changes += [(f"{key}={value}", {key: value}) for value in options]
    largest = {
        key: options[-1] for key, options in sizes.items() if key in config["model"] and options[-1] in (8192, 4)
    }
    changes.append(("largest", largest))
    for label, change in changes:
        new_config = _replaced(config, ("model",), {**config["model"], **change})
        yield Mutation("size", "config.json", label, _writer("config.json", _dump(new_config)))
    for key in ("type", "vocab_size", "separate_vocab", "lowercase", "placeholders"):
        for value in ("char", "word", "bpe", "unigram", 2, 10**6, 10**7, True, False):
            if key in config["tokenizer"] and value != config["tokenizer"][key]:
                data = _dump(_replaced(config, ("tokenizer", key), value))
                yield Mutation("size", "config.json", f"{key}={value}", _writer("config.json", data))
