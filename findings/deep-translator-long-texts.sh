#!/usr/bin/env bash
# deep-translator 1.11.4, Python 3.11
#
# Guess: its LibreTranslator sends text and languages in the body of a POST request, as JSON or a form, which is how the
#   API's documentation has them, so that a text may be as long as the server allows.
# Seen: a POST request without a body: all fields are in its address. A letter of Russian takes six characters there, of
#   Chinese nine, so 11,000 Russian letters, 22 kB of text, are refused by a server of Python's standard library, which
#   takes addresses of up to 64 kB (status 414). The error is "API server error", without status or reason.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check deep-translator==1.11.4
"$folder/venv/bin/python" - <<'PYTHON'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from deep_translator import LibreTranslator
from deep_translator.exceptions import ServerException

requests, statuses = [], []


class Handler(BaseHTTPRequestHandler):
    """Answers every text with its length."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        requests.append((self.path, body))
        [text] = parse_qs(urlsplit(self.path).query).get("q", [""])
        answer = json.dumps({"translatedText": str(len(text))}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, code="-", size="-"):
        statuses.append(int(code))

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
translator = LibreTranslator(source="ru", target="en", api_key="key", custom_url=address)
translator.translate("go home")
print(f"path {requests[0][0]}, body {requests[0][1]}")
same = requests == [("/translate?q=go+home&source=ru&target=en&format=text&api_key=key", b"")]
answer = translator.translate("ж" * 10000)
print(f"10,000 letters: {answer}")
same &= answer == "10000"
try:
    translator.translate("ж" * 11000)
    same = False
except ServerException as error:
    print(f"11,000 letters: status {statuses[-1]}, {type(error).__name__}: {error}")
    same &= str(error) == "API server error"
server.shutdown()
sys.exit(not (same and statuses == [200, 200, 414]))
PYTHON
