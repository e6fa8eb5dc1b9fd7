#!/usr/bin/env bash
# llm 0.36 with openai 3.57.0, Python 3.11
#
# Guess: for a completion model of an OpenAI-compatible server (completion: true in extra-openai-models.yaml), llm sends
#   max_tokens 256, as it does for OpenAI's own completion model.
# Seen: it sends no max_tokens. The API's default is 16 tokens, so on a server that follows the API every answer ends
#   after a few words, with exit code 0 and nothing that says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check llm==0.36 openai==3.57.0
LLM_USER_PATH="$folder/llm" "$folder/venv/bin/python" - <<'PYTHON'
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

bodies = []


class Completions(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        choice = {"index": 0, "text": " there", "finish_reason": "length", "logprobs": None}
        answer = {"id": "x", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Completions)
threading.Thread(target=server.serve_forever, daemon=True).start()
folder = pathlib.Path(os.environ["LLM_USER_PATH"])
folder.mkdir()
(folder / "extra-openai-models.yaml").write_text(
    "- model_id: m\n  model_name: m\n  completion: true\n"
    f"  api_base: http://127.0.0.1:{server.server_port}/v1\n"
)
result = subprocess.run([sys.executable, "-m", "llm", "--no-stream", "-m", "m", "hello"], capture_output=True, text=True)
print(bodies, repr(result.stdout), result.returncode, result.stderr)
sys.exit(result.returncode != 0 or "max_tokens" in bodies[0])
PYTHON
