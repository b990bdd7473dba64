"""A TCP link between two processes whose answers a test can hold back.

::

    link = HeldLink(("127.0.0.1", 5672))
    link.hold()
    ...                           # what the server says stays here
    assert b"accept" in link.held
    link.release()
"""

import contextlib
import socket
import threading

_CHUNK = 1 << 16


class HeldLink:
    """Listens on a port of loopback and carries each connection to ``target``.

    :ivar port: where it listens
    :ivar held: bytes of the server that were not passed on
    """

    def __init__(self, target: tuple[str, int]):
        self._target = target
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self.held = b""
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._holding = self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self) -> None:
        """From now on nothing that the server says is passed on."""
        with self._changed:
            self._holding = True

    def release(self) -> None:
        """Pass on what was held, and everything from now on."""
        with self._changed:
            self._holding, self.held = False, b""
            self._changed.notify_all()

    def close(self) -> None:
        self._socket.close()
        with self._changed:
            self._closed, self._holding = True, False
            self._changed.notify_all()
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                return
            server.settimeout(None)
            with self._changed:
                self._open |= {client, server}
            for source, sink, said in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._carry, args=(source, sink, said),
                                 daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, said: bool) -> None:
        """:param said: whether it is the server that speaks"""
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if said:
                    self._wait(data)
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _wait(self, data: bytes) -> None:
        with self._changed:
            if self._holding:
                self.held += data
            while self._holding:
                self._changed.wait()
