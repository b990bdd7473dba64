"""A ramdisk agent at the wire: an HTTP server that remembers requests and answers as it is told."""

import contextlib
import http.server
import json
import ssl
import threading
import urllib.parse

TOKEN = "agent-token"


class Agent:
    """What an agent was asked, and how it answers.

    :ivar requests: (method, path, query, body) of each request
    :ivar answers: answers to come, in order: (status, data); a callable gives one, after whatever
        else it does
    """

    def __init__(self, url: str = ""):
        self.url = url
        self.requests = []
        self.answers = []

    @property
    def settings(self) -> dict:
        return {"agent_url": self.url, "agent_token": TOKEN}

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, object]:
        parts = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.requests.append((method, parts.path, query, json.loads(body) if body else None))
        if query.pop("agent_token", None) != TOKEN:
            return 401, {"message": "wrong token"}
        answer = self.answers.pop(0)
        return answer() if callable(answer) else answer


class _Handler(http.server.BaseHTTPRequestHandler):
    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, data = self.server.agent.answer(self.command, self.path, body)
        if status is None:
            return
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = _serve

    def log_message(self, *args):
        """Tests look at what was asked, not at a log."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that turns away is what some tests are about."""


@contextlib.contextmanager
def agent(tls: ssl.SSLContext | None = None):
    """A running agent on a free port of the loopback."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.agent = Agent(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.agent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
