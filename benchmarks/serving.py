"""Tokens per second and time to the first token of `rnntui serve`: one client, many, and behind a plain torch loop.

Every client streams one completion after another. The torch loop is what one would write first: the same server, with
an engine that takes one request at a time and calls `torch.nn.LSTM` in fp32 for each token.

    python benchmarks/serving.py --clients 32 --tokens 200 --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import alternate, print_heading, print_table, ratio, verdict

from rnntui.cli.environment import use_one_blas_thread

GOAL = 5.0  # times the torch loop


@dataclass(frozen=True)
class Load:
    """What the clients of a measurement ask for."""

    clients: int
    tokens: int
    requests: int  # of each client, one after another
    seeded: bool


@dataclass
class Measurement:
    """Tokens per second of all clients together, and seconds to the first token of each request."""

    tokens_per_second: float
    first_token: list[float]

    @property
    def p95(self) -> float:
        return sorted(self.first_token)[min(len(self.first_token) - 1, int(0.95 * len(self.first_token)))]


async def _stream(port: int, run: str, load: Load, seed: int) -> tuple[int, float]:
    """Stream a completion; return its number of tokens and the seconds to the first one."""
    body: dict[str, Any] = {
        "model": run, "prompt": "ROMEO:\nBut soft, what light", "max_tokens": load.tokens, "stream": True,
        "temperature": 0.8, "stream_options": {"include_usage": True},
    }  # fmt: skip
    if load.seeded:
        body["seed"] = seed
    data = json.dumps(body).encode()
    started, first = time.perf_counter(), 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    head = (
        f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    usage = b""
    while line := await reader.readline():
        if line.startswith(b"data: {"):
            first = first or time.perf_counter() - started
            usage = line if b'"usage":{' in line else usage
    writer.close()
    return json.loads(usage.removeprefix(b"data: "))["usage"]["completion_tokens"], first


async def _measure(port: int, run: str, load: Load) -> Measurement:
    async def client(index: int) -> list[tuple[int, float]]:
        return [await _stream(port, run, load, 1000 * index + number) for number in range(load.requests)]

    started = time.perf_counter()
    results = [each for own in await asyncio.gather(*map(client, range(load.clients))) for each in own]
    seconds = time.perf_counter() - started
    return Measurement(sum(tokens for tokens, _ in results) / seconds, [first for _, first in results])


class TorchLoopEngine:
    """One request at a time, one token at a time, by `torch.nn.LSTM` in fp32."""

    def __init__(self, loaded: Any, run: Any) -> None:
        import torch

        from rnntui.runs.weights_file import load_weights

        self.loaded, self.fingerprint, self.is_busy = loaded, "", False
        torch.set_num_threads(1)
        weights = {name: torch.from_numpy(array) for name, array in load_weights(run.weights_file).items()}
        self._embedding = weights["embedding.weight"]
        config = loaded.config.model
        self._lstm = torch.nn.LSTM(self._embedding.shape[1], config.hidden, config.layers)
        self._lstm.load_state_dict({k.removeprefix("rnn."): v for k, v in weights.items() if k.startswith("rnn.")})
        self._output = weights.get("output.weight", self._embedding)
        self._bias = weights["output.bias"]
        self._jobs: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._run, daemon=True).start()

    def submit(self, jobs: Any) -> None:
        for job in jobs:
            self._jobs.put(job)

    def cancel(self, output: Any) -> None:
        output.cancel()

    def stop(self) -> None:
        """Nothing to end: the thread ends with the process."""

    def _run(self) -> None:
        import torch

        with torch.inference_mode():
            while True:
                self._generate(self._jobs.get())

    def _generate(self, job: Any) -> None:
        import torch

        from rnntui.serving.generation_job import OutputQueue, Piece
        from rnntui.serving.text_writer import TextWriter

        generator = torch.Generator().manual_seed(job.seed)
        writer = TextWriter(self.loaded.tokenizer, job, 0)
        hidden, state = self._lstm(self._embedding[torch.from_numpy(job.prompt)][:, None])
        delivered = 0.0
        while not writer.finish and not job.output.is_cancelled:
            logits = (hidden[-1, 0] @ self._output.T + self._bias) / job.sampling.temperature
            token = int(torch.multinomial(torch.softmax(logits, -1), 1, generator=generator))
            writer.push(token, None)
            job.output.completion_tokens += 1
            now = time.perf_counter()
            if writer.finish or now - delivered > 0.025:
                delivered = now
                piece: Piece | None = writer.take()
                if piece is not None:
                    job.output.put(piece)
                    OutputQueue.notify([job.output])
            hidden, state = self._lstm(self._embedding[token][None, None], state)


def serve(engine: str, run_name: str, batch: int) -> None:
    """Serve a run until standard input ends; the first line on standard output is the port."""
    use_one_blas_thread()
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.runs.lookup import checkpoints_folder
    from rnntui.serving.served_models import ServedRuns
    from rnntui.serving.server import listening_socket, running_server
    from rnntui.serving.server_config import ServerConfig
    from rnntui.serving.server_state import ServerState

    config = ServerConfig(port=0, max_batch=batch)
    runs = ServedRuns(checkpoints_folder(None), [run_name])
    state = ServerState(config, runs, write_log=lambda record: None)
    if engine == "torch":
        make: Any = lambda run, config: TorchLoopEngine(load_language_model(run, precision="fp32"), run)  # noqa: E731
        state.make_generation_engine = make
    with listening_socket(config) as listener, running_server(state, listener):
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()


@contextmanager
def server_process(engine: str, run: str, batch: int) -> Iterator[int]:
    """Run a server in a process of its own, and give its port."""
    command = [sys.executable, str(Path(__file__)), "--serve", engine, "--run", run, "--batch", str(batch)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield int(process.stdout.readline())
        process.stdin.close()


def ready_seconds(run: str) -> float:
    """Return the seconds from the start of `rnntui serve` to its first answer."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "rnntui", "serve", "--port", "0", "--run", run]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "serving" not in process.stderr.readline():
            pass
        seconds = time.perf_counter() - started
        process.terminate()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="shakespeare", help="language model [default: shakespeare]")
    parser.add_argument("--clients", type=int, default=32, help="clients at the same time [default: 32]")
    parser.add_argument("--tokens", type=int, default=200, help="tokens of a completion [default: 200]")
    parser.add_argument("--rounds", type=int, default=5, help="rounds [default: 5]")
    parser.add_argument("--batch", type=int, default=32, help="rnntui serve --max-batch [default: 32]")
    parser.add_argument("--serve", choices=["rnntui", "torch"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.run, arguments.batch)
        return
    ready = statistics.median(ready_seconds(arguments.run) for _ in range(3))
    print_heading("serving", "fp32", run=arguments.run, clients=arguments.clients, tokens=arguments.tokens)
    print(f"\n  ready after {ready:.2f} s (median of 3)")
    many = Load(arguments.clients, arguments.tokens, 2, False)
    loads = {
        "one client": ("rnntui", Load(1, arguments.tokens, 8, False)),
        "one client, seeded": ("rnntui", Load(1, arguments.tokens, 8, True)),
        "many clients": ("rnntui", many),
        "many clients, seeded": ("rnntui", Load(arguments.clients, arguments.tokens, 2, True)),
        "torch loop, one client": ("torch", Load(1, arguments.tokens, 4, False)),
        "torch loop, many clients": ("torch", Load(arguments.clients, arguments.tokens, 1, False)),
    }
    with (
        server_process("rnntui", arguments.run, arguments.batch) as rnntui,
        server_process("torch", arguments.run, arguments.batch) as torch,
    ):
        ports = {"rnntui": rnntui, "torch": torch}
        latencies: dict[str, list[float]] = {name: [] for name in loads}

        def contestant(name: str) -> float:
            engine, load = loads[name]
            measurement = asyncio.run(_measure(ports[engine], arguments.run, load))
            latencies[name].append(measurement.p95)
            return measurement.tokens_per_second

        rates = alternate({name: lambda name=name: contestant(name) for name in loads}, arguments.rounds)
    rows = [
        [
            name,
            f"{statistics.median(rates[name]):,.0f}",
            f"{1000 * statistics.median(latencies[name][-arguments.rounds :]):,.0f}",
        ]
        for name in loads
    ]
    print_table("medians of the rounds", ["", "tokens/s in all", "p95 to first token, ms"], rows)
    against_one = ratio(rates["many clients"], rates["one client"])
    against_torch = ratio(rates["many clients"], rates["torch loop, many clients"])
    print(f"\n  many clients against one: {against_one:.1f} times")
    print(f"  against the torch loop: {against_torch:.1f} times (goal {GOAL:g}: {verdict(against_torch >= GOAL)})")


if __name__ == "__main__":
    main()
