import io
import logging
import threading

import pytest
from werkzeug import serving

from provisioner.cli import main
from tests.unit.api.site.conftest import site_api, site_bus

__all__ = ["site_api", "site_bus"]


@pytest.fixture
def url(site_api):
    """Where the site API listens."""
    server = serving.make_server("127.0.0.1", 0, site_api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Output(io.StringIO):
    """Output that does something once, when something is written.

    :param terminal: whether it says that it is a terminal
    """

    def __init__(self, once=lambda: None, terminal=False):
        super().__init__()
        self._once = [once]
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text) -> int:
        written = super().write(text)
        while self._once:
            self._once.pop()()
        return written


@pytest.fixture(autouse=True)
def console():
    """Each shell adds a handler for its own error output; take it away again."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def run(url):
    """``run("task", "list")`` gives (exit status, output)."""
    def call(*words, stdout=None):
        stdout = stdout or io.StringIO()
        shell = main.Shell(stdout=stdout)
        status = shell.run(["--url", url, *words])
        return status, stdout.getvalue()
    return call
