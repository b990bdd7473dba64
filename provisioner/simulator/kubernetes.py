"""A Kubernetes API server as far as nodes and their labels go.

::

    GET   /api/v1/nodes/<name>
    PATCH /api/v1/nodes/<name>     strategic merge or JSON merge patch of labels and annotations

Bearer tokens are checked, labels are refused that the real one refuses, and it can be made to
answer with an error or to forget what was patched.
"""

import http.server
import json
import re
import threading

_PATCHES = ("application/strategic-merge-patch+json", "application/merge-patch+json")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PATH = "/api/v1/nodes/"


class KubernetesApi:
    """One server, listening on loopback from its making to :meth:`close`.

    :param nodes: name to labels
    :param token: that is let in
    :ivar requests: (method, node) of each request
    :ivar failures: statuses to answer the next requests with
    :ivar forgets: patches are acknowledged and not kept
    """

    def __init__(self, nodes: dict[str, dict[str, str]], token: str = "token"):
        self.token = token
        self.nodes = {name: {"labels": dict(labels), "annotations": {}}
                      for name, labels in nodes.items()}
        self.requests: list[tuple[str, str]] = []
        self.failures: list[int] = []
        self.forgets = False
        self._lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.handle(self)

            do_PATCH = do_GET

            def log_message(self, *args):
                """What was asked is in ``requests``."""
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever,
                                        kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def labels(self, node: str) -> dict[str, str]:
        with self._lock:
            return dict(self.nodes[node]["labels"])

    def handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self._lock:
            status, answer = self._answer(request, body)
        data = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _answer(self, request, body: bytes) -> tuple[int, dict]:
        name = request.path.partition("?")[0].removeprefix(_PATH)
        self.requests.append((request.command, name))
        if self.failures:
            return _status(self.failures.pop(0), "told to fail")
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        if not request.path.startswith(_PATH) or name not in self.nodes:
            return _status(404, f'nodes "{name}" not found')
        if request.command == "PATCH":
            kind = request.headers.get("Content-Type", "").partition(";")[0]
            if kind not in _PATCHES:
                return _status(415, f"the body of the request was in an unknown format: {kind}")
            wrong = self._patch(self.nodes[name], json.loads(body)["metadata"])
            if wrong:
                return _status(422, wrong)
        return 200, {"kind": "Node", "apiVersion": "v1",
                     "metadata": {"name": name, **self.nodes[name]}}

    def _patch(self, node: dict, metadata: dict) -> str | None:
        """Merge, unless a label cannot be; what is wrong with it."""
        for key, value in metadata.get("labels", {}).items():
            if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value or ""):
                return f"metadata.labels: Invalid value: {key}={value}"
        for part in ("labels", "annotations") if not self.forgets else ():
            merged = {**node[part], **metadata.get(part, {})}
            node[part] = {key: value for key, value in merged.items() if value is not None}
        return None


def _status(code: int, message: str) -> tuple[int, dict]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
                  "code": code}
