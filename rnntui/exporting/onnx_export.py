"""Export of a run's model as ONNX files, checked against the model's own results, with a description beside them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rnntui import __version__
from rnntui.atomic_files import atomic_folder, write_user_file
from rnntui.errors import RnntuiError, RunError, UsageError
from rnntui.exporting.onnx_readme import UseInPython, readme
from rnntui.inference.onnx_format import Graph, TensorInfo, encode_model
from rnntui.kinds.model_kind import resolve
from rnntui.kinds.registry import KINDS
from rnntui.runs.folder import RunFolder
from rnntui.text.tokenizer import Tokenizer
from rnntui.untrusted_files import MAX_JSON_BYTES, read_bounded

_MAX_FILE_BYTES = 4 * MAX_JSON_BYTES  # as the largest of them, a table of words, is read
TOLERANCE = 1e-4
"""Largest difference of a logit between an exported model and the model itself, both in float32; see `difference`."""

_FORMAT = 1  # of model.json

RunGraph = Callable[[str, Mapping[str, NDArray[Any]]], list[NDArray[Any]]]
"""Computes the outputs of a file of an export from its inputs by name."""


class OnnxExporter(Protocol):
    """A trained model that can be exported."""

    main_file: str
    """The file that is exported alone; empty if the model needs several."""

    text_files: list[Path]
    """Files of the run that turn text into tokens; they are copied."""

    facts: dict[str, Any]
    """What the description says of the model."""

    use: UseInPython

    def graphs(self, is_int8: bool) -> dict[str, Graph]:
        """Return the graphs by file name."""
        ...

    def largest_difference(self, run_graph: RunGraph) -> float:
        """Return the largest difference of a logit from the model itself, for several lengths and batches."""
        ...

    def cost_of_rounding(self, run_graph: RunGraph, text: str) -> str:
        """Return what weights of 8 bits cost, in words; on a text of the user's, unless that is empty."""
        ...


class OnnxResult(NamedTuple):
    """The result of an export.

    Args:
        files: sizes in bytes by name.
        difference: the largest difference of a logit in the check; None if it was not checked, or has int8 weights.
        cost: what weights of 8 bits cost, in words; empty for float32, or if it was not measured.
    """

    files: dict[str, int]
    difference: float | None
    cost: str


def export_onnx(run: RunFolder, target: Path, is_int8: bool = False, text: str = "") -> OnnxResult:
    """Write a run's best weights as ONNX: to a new folder, or to a single new file if the name ends in .onnx.

    It is checked if onnxruntime is installed; the cost of weights of 8 bits is measured on `text`, if there is one.
    Raises `UsageError` if the target exists or if a single file cannot hold the model, `RunError` or `TokenizerError`
    if the run is broken, `RnntuiError` if the check fails.
    """
    if target.exists():
        raise UsageError(f"{target} exists and is not replaced", hint="name another folder")
    exporter = exporter_of(run)
    is_single = target.suffix == ".onnx"
    if is_single and not exporter.main_file:
        names = " and ".join(exporter.graphs(is_int8))
        raise UsageError(f"{target}: this kind of model needs several files, {names}", hint="name a folder")
    graphs = exporter.graphs(is_int8)
    written = {exporter.main_file: graphs[exporter.main_file]} if is_single else graphs
    description = _description(run, exporter, written, is_int8)
    metadata = {"rnntui": json.dumps(description, ensure_ascii=False)} if is_single else {}
    models = {name: encode_model(graph, metadata) for name, graph in graphs.items()}
    largest, cost = None, ""
    if is_onnxruntime_installed():
        run_graph = onnxruntime_runner(models)
        if is_int8:
            cost = exporter.cost_of_rounding(run_graph, text)
        else:
            largest = exporter.largest_difference(run_graph)
            if not largest <= TOLERANCE:  # true for nan
                raise RnntuiError(f"onnxruntime's logits differ from rnntui's by {largest:.2g}; nothing is written")
    if is_single:
        write_user_file(target, models[exporter.main_file])
        return OnnxResult({target.name: len(models[exporter.main_file])}, largest, cost)
    files: dict[str, bytes] = {
        **models,
        "model.json": json.dumps(description, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"),
        "README.md": readme(run.name, description, exporter.use).encode(),
        **{file.relative_to(run.path).as_posix(): read_bounded(file, _MAX_FILE_BYTES) for file in exporter.text_files},
    }
    with atomic_folder(target) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return OnnxResult({name: len(data) for name, data in files.items()}, largest, cost)


def exporter_of(run: RunFolder) -> OnnxExporter:
    """Return the exporter of a run. Raises `RunError` if the run is broken or of a kind that has none."""
    kind_id = run.read_config().kind
    if kind_id not in KINDS or not KINDS[kind_id].onnx_exporter:
        exported = ", ".join(kind.id for kind in KINDS.values() if kind.onnx_exporter)
        raise RunError(f"run {run.name} is a {kind_id}; this rnntui exports {exported}")
    exporter: OnnxExporter = resolve(KINDS[kind_id].onnx_exporter)(run)
    return exporter


def is_onnxruntime_installed() -> bool:
    """Return True if onnxruntime is installed; it is not imported."""
    return importlib.util.find_spec("onnxruntime") is not None


def onnxruntime_runner(models: Mapping[str, bytes]) -> RunGraph:
    """Return a function that runs encoded models by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    sessions = {
        name: onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for name, model in models.items()
    }

    def run_graph(name: str, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        results: list[NDArray[Any]] = sessions[name].run(None, dict(inputs))
        return results

    return run_graph


def vocabulary_facts(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return a vocabulary for a description: the text of each token by id, and the byte of those that are one."""
    return {
        "type": tokenizer.kind,
        "size": tokenizer.vocab_size,
        "unknown_id": tokenizer.unknown_id,
        "end_id": tokenizer.end_id,
        "tokens": [tokenizer.token_text(token) for token in range(tokenizer.vocab_size)],
        "bytes": {str(token): byte for token, byte in tokenizer.byte_tokens.items()},
    }


def difference(logits: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the largest difference of logits from the expected ones; of those above 1, in proportion to them."""
    return float((np.abs(logits - expected) / np.maximum(1, np.abs(expected))).max())


def bits(log_probs: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the mean divergence, in bits, of log probabilities from others, both `(..., V)` in nats."""
    divergence = (np.exp(log_probs) * (log_probs - other)).sum(axis=-1)
    return float(divergence.mean() / np.log(2))


def log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the log probabilities `(..., V)` of logits `(..., V)` in nats, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: NDArray[Any] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _description(run: RunFolder, exporter: OnnxExporter, graphs: Mapping[str, Graph], is_int8: bool) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "run": run.name,
        "kind": run.read_config().kind,
        "rnntui": __version__,
        "weights": "int8" if is_int8 else "float32",
        "files": {
            name: {"inputs": _infos(graph.inputs), "outputs": _infos(graph.outputs)} for name, graph in graphs.items()
        },
        **exporter.facts,
    }


def _infos(infos: Any) -> dict[str, Any]:
    return {info.name: _info(info) for info in infos}


def _info(info: TensorInfo) -> dict[str, Any]:
    return {"type": np.dtype(info.dtype).name, "shape": list(info.shape)}
