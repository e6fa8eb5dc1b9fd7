#!/usr/bin/env bash
# libretranslatepy 2.1.4, Python 3.11
#
# Guess: as LibreTranslate's API takes a list of texts in q, the client sends a list that it is given as one, or raises.
# Seen: it sends Python's notation of the list as one text, quotes and brackets included, which is then translated.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check libretranslatepy==2.1.4
"$folder/venv/bin/python" - <<'PYTHON'
import http.server
import sys
import threading
import urllib.parse

from libretranslatepy import LibreTranslateAPI

bodies = []


class Translate(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"translatedText": "x"}')

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Translate)
threading.Thread(target=server.serve_forever, daemon=True).start()
LibreTranslateAPI(f"http://127.0.0.1:{server.server_port}/").translate(["Good morning", "It's late"], "en", "es")
server.shutdown()
texts = urllib.parse.parse_qs(bodies[0])["q"]
print("texts sent:", texts)
sys.exit(texts != ["""['Good morning', "It's late"]"""])
PYTHON
