"""Network namespaces that tests make and remove, and ways into them.

A conductor in a namespace of its own has an address of its own, so that the machines' logs name
it. Services stay on the host's loopback: a :class:`Way` listens on loopback inside a namespace
and carries each connection out, and can be cut, which is how a test takes a service away from
one conductor.
"""

import contextlib
import ctypes
import os
import secrets
import selectors
import socket
import subprocess
import threading

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


class Namespace:
    """One network namespace. :ivar name: as ``ip netns`` knows it"""

    def __init__(self, role: str):
        self.name = f"pv-{role}-{secrets.token_hex(3)}"
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def command(self, *words: str) -> list[str]:
        """The command that runs ``words`` inside; its process is that of ``words``."""
        return ["ip", "netns", "exec", self.name, *words]

    def delete(self) -> None:
        ip("netns", "del", self.name)

    @contextlib.contextmanager
    def entered(self):
        """Run the block inside, in this thread only: sockets made here belong to it."""
        with open("/proc/thread-self/ns/net") as old, open(f"/run/netns/{self.name}") as new:
            _enter(new.fileno())
            try:
                yield
            finally:
                _enter(old.fileno())


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def connect(one: Namespace, other: Namespace, subnet: str) -> None:
    """Join two namespaces by a wire: ``subnet``.1 is in ``one``, ``subnet``.2 in ``other``.

    :param subnet: the first three numbers of a /24
    """
    wire = f"w{secrets.token_hex(3)}"
    ip("-n", one.name, "link", "add", f"{wire}a", "type", "veth", "peer", "name", f"{wire}b",
       "netns", other.name)
    for namespace, end, host in ((one, "a", 1), (other, "b", 2)):
        ip("-n", namespace.name, "addr", "add", f"{subnet}.{host}/24", "dev", f"{wire}{end}")
        ip("-n", namespace.name, "link", "set", f"{wire}{end}", "up")


class Way:
    """Carries TCP connections from one namespace to another.

    :param inside: where to listen, None for the host
    :param listen: port on loopback there; 0 picks one
    :param outside: where to connect, None for the host
    """

    def __init__(self, inside: Namespace | None, listen: int, outside: Namespace | None,
                 target: tuple[str, int]):
        self._outside, self._target = outside, target
        with inside.entered() if inside else contextlib.nullcontext():
            self._socket = socket.create_server(("127.0.0.1", listen), backlog=64)
        self.port = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            with self._outside.entered() if self._outside else contextlib.nullcontext():
                server = socket.create_connection(self._target, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        with contextlib.suppress(OSError), selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while _pump(selector):
                pass
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def close(self) -> None:
        self._socket.close()
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _pump(selector) -> bool:
    for key, _ in selector.select():
        data = key.fileobj.recv(1 << 16)
        if not data:
            return False
        key.data.sendall(data)
    return True
