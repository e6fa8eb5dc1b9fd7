"""`rnntui serve` under many clients with few requests a second. See `soak.py`."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from soak_samples import Sampler, with_probe
from tui_live import ROOT, rnntui

TIMEOUT = 120.0  # seconds of a request
WARNINGS = 20  # lines of the server's log that are kept


@dataclass(frozen=True)
class Ask:
    """A kind of request: how often it is made, beside the others, and the status that it is answered with."""

    weight: int
    path: str
    body: dict[str, Any]
    status: int = 200
    leaves: bool = False  # closes the connection after the first bytes of the answer


_TEXT = {"model": "shakespeare", "max_tokens": 40, "temperature": 0.8}
_CHAT = {"model": "chat", "max_tokens": 30}
ASKS = {
    "completion": Ask(4, "/v1/completions", _TEXT),
    "stream": Ask(4, "/v1/completions", {**_TEXT, "stream": True}),
    "chat": Ask(3, "/v1/chat/completions", _CHAT),
    "translate": Ask(4, "/translate", {"source": "en", "target": "es"}),
    "left early": Ask(2, "/v1/completions", {**_TEXT, "max_tokens": 2000, "stream": True}, leaves=True),
    "unknown model": Ask(1, "/v1/completions", {**_TEXT, "model": "none"}, 404),
    "wrong setting": Ask(1, "/v1/completions", {**_TEXT, "temperature": -1}, 400),
}


@dataclass
class Answers:
    """What came of one kind of request."""

    answers: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    unexpected: int = 0


class ServerSession:
    """Clients that ask a server for hours, each with pauses, all in one event loop beside the sampler's thread."""

    def __init__(self, path: Path, clients: int, rate: float, probe: Path | None = None) -> None:
        self.clients, self.rate = clients, rate
        self._probe = probe
        self._lock = threading.Lock()
        self._answers: dict[str, Answers] = {}
        self._chance = random.Random(1)
        pairs = (ROOT / "corpora" / "en-es.tsv").read_text(encoding="utf-8").splitlines()
        self._sentences = [line.split("\t")[0] for line in pairs]
        self.sampler = Sampler(path, self._facts)

    def _facts(self) -> dict[str, Any]:
        with self._lock:
            answers, self._answers = self._answers, {}
        return {
            "requests": {
                kind: {"answers": one.answers, "ms": one.ms, "unexpected": one.unexpected}
                for kind, one in answers.items()
            }
        }

    def run_for(self, seconds: float) -> None:
        """Start the server, ask it for so long, stop it, and write what its log said beside requests."""
        command = with_probe(rnntui("serve", "--port", "0"), self._probe)
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            port, first = 0, ""
            while not port:
                first = process.stderr.readline()
                found = re.search(r"http://[\w.]+:(\d+)", first)
                if not first:
                    raise RuntimeError("the server did not start")
                port = int(found[1]) if found else 0
            problems: list[str] = []
            log = threading.Thread(target=_read_log, args=(process.stderr, problems))
            log.start()
            self.sampler.processes["server"] = psutil.Process(process.pid)
            with self.sampler.running():
                asyncio.run(self._ask(port, seconds))
                time.sleep(12)  # one more sample, of the server at rest
            process.terminate()
            code = process.wait(60)
            log.join()
        self.sampler.write(event="end", exit_code=code, log=problems)

    async def _ask(self, port: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._client(port, end) for _ in range(self.clients)))

    async def _client(self, port: int, end: float) -> None:
        """Ask for everything once, together with all other clients, which needs all threads; then now and then."""
        kinds, weights = list(ASKS), [ask.weight for ask in ASKS.values()]
        for kind in kinds:
            await self._ask_for(port, kind)
        while True:
            await asyncio.sleep(self._chance.expovariate(self.rate / self.clients))
            if time.monotonic() > end:
                return
            await self._ask_for(port, self._chance.choices(kinds, weights)[0])

    async def _ask_for(self, port: int, kind: str) -> None:
        """Send a request, and count its answer."""
        began = time.perf_counter()
        try:
            answer = await asyncio.wait_for(self._request(port, ASKS[kind]), TIMEOUT)
        except (OSError, TimeoutError, ValueError) as error:
            answer = type(error).__name__
        took = 1000 * (time.perf_counter() - began)
        with self._lock:
            one = self._answers.setdefault(kind, Answers())
            one.answers[answer] += 1
            one.ms.append(round(took, 1))
            one.unexpected += answer != str(ASKS[kind].status)

    async def _request(self, port: int, ask: Ask) -> str:
        """Return the status of an answer that was read as far as its kind asks; raises where it breaks off."""
        sentence = self._chance.choice(self._sentences)
        text = {"/translate": {"q": sentence}, "/v1/completions": {"prompt": sentence}}
        body = ask.body | text.get(ask.path, {"messages": [{"role": "user", "content": sentence}]})
        data = json.dumps(body).encode()
        head = f"POST {ask.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            writer.write(head.encode() + data)
            status = (await reader.readline()).split()[1].decode()
            if ask.leaves:
                await reader.readuntil(b"data: ")
                return status
            answer = await reader.read()
            if ask.body.get("stream") and b"data: [DONE]" not in answer:
                return "stream broke off"
            return status
        finally:
            writer.close()


def _read_log(lines: Any, problems: list[str]) -> None:
    """Read the server's log to its end; keep the lines that are no log of a request, and those of errors."""
    for line in lines:
        if ("Traceback" in line or "rror" in line) and len(problems) < WARNINGS:
            problems.append(line.rstrip())
