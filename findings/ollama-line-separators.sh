#!/usr/bin/env bash
# ollama 0.6.3, huggingface_hub 2.4.0, both with httpx 0.28.1, Python 3.11
#
# Guess: a streamed answer may hold any character that JSON allows unescaped, as the same answer does that comes whole:
#   events are divided by line feeds (JSON lines) or by CR and LF (server-sent events).
# Seen: both clients raise JSONDecodeError at U+2028, U+2029 and U+0085, as soon as the text has one: they read the stream
#   by httpx's iter_lines, which divides at every character that str.splitlines does. Whole answers are right, as is the
#   stream of a server that escapes these characters.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check ollama==0.6.3 huggingface_hub==2.4.0 httpx==0.28.1
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import sys
import threading

import huggingface_hub
import ollama


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the text of the request: at /api/generate in Ollama's form, else in that of OpenAI's chats."""

    is_escaping = False

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/generate":
            start = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "response": body["prompt"], "done": False}
            parts = [start, {**start, "response": "", "done": True}] if body["stream"] else [{**start, "done": True}]
            beginning, end, kind = "", "\n", "application/x-ndjson"
        else:
            message = {"role": "assistant", "content": body["messages"][0]["content"]}
            choice = {"index": 0, "finish_reason": "stop", "delta" if body["stream"] else "message": message}
            parts = [{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}]
            beginning, end, kind = ("data: ", "\n\n", "text/event-stream") if body["stream"] else ("", "", "application/json")
        lines = [beginning + json.dumps(part, ensure_ascii=self.is_escaping) + end for part in parts]
        data = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Echo)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
ollama_client = ollama.Client(host=address)
hub_client = huggingface_hub.InferenceClient(base_url=f"{address}/v1", api_key="none")


def by_ollama(text, is_streamed):
    if not is_streamed:
        return ollama_client.generate("m", text).response
    return "".join(part.response for part in ollama_client.generate("m", text, stream=True))


def by_hub(text, is_streamed):
    messages = [{"role": "user", "content": text}]
    if not is_streamed:
        return hub_client.chat_completion(messages, model="m").choices[0].message.content
    parts = hub_client.chat_completion(messages, model="m", stream=True)
    return "".join(part.choices[0].delta.content or "" for part in parts)


def answer(client, text, is_streamed):
    try:
        return client(text, is_streamed)
    except json.JSONDecodeError:
        return "JSONDecodeError"


same = True
for client in (by_ollama, by_hub):
    for character in ("\u2028", "\u2029", "\u0085", "\u00e9"):
        text = f"one{character}two"
        Echo.is_escaping = False
        whole, streamed = answer(client, text, False), answer(client, text, True)
        Echo.is_escaping = True
        escaped = answer(client, text, True)
        print(f"{client.__name__}, U+{ord(character):04X}: whole {whole!a}, streamed {streamed!a}, escaped {escaped!a}")
        expected = text if character == "\u00e9" else "JSONDecodeError"
        same &= (whole, streamed, escaped) == (text, expected, text)
server.shutdown()
sys.exit(not same)
PYTHON
