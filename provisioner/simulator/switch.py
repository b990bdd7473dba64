"""An access switch that speaks SSH and the command line of a well-known vendor.

Prompts, modes, echo and error marks are those that automation relies on: ``switch>`` until
``enable``, ``switch#``, ``switch(config)#``, ``switch(config-if)#``. What it does not know is
"Invalid input". Changes count when they are typed, and are lost by a restart unless saved.
"""

import contextlib
import dataclasses
import re
import socket
import threading

import paramiko

_BAD = "% Invalid input detected at '^' marker.\r\n"
_INCOMPLETE = "% Incomplete command.\r\n"
_ACCEPT_SECONDS = 0.2


@dataclasses.dataclass
class Port:
    """:ivar vlan: in which untagged frames are"""

    vlan: int = 1
    mode: str = "access"


class Switch:
    """One switch, listening on loopback from its making to :meth:`close`.

    :param ports: names of its ports
    :param vlans: that exist on it
    :ivar sessions: logins that were let in so far
    :ivar configured: times that configuration mode was entered
    :ivar commands: every line that was typed
    :ivar ignores: commands are taken, and change nothing
    :ivar gate: cleared, every command waits until it is set
    """

    def __init__(self, ports: list[str], vlans: tuple[int, ...] = (1, 10, 20), *,
                 username: str = "admin", password: str = "password"):
        self.ports = {name: Port() for name in ports}
        self.saved: dict[str, int] = {}
        self.vlans = set(vlans)
        self.username, self.password = username, password
        self.sessions = self.configured = 0
        self.commands: list[str] = []
        self.ignores = False
        self.gate = threading.Event()
        self.gate.set()
        self.key = paramiko.ECDSAKey.generate()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(_ACCEPT_SECONDS)
        self.port = self._socket.getsockname()[1]
        self._closing = threading.Event()
        self._transports: list[paramiko.Transport] = []
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def _spawn(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        self._closing.set()
        self.gate.set()
        self.drop()
        for thread in list(self._threads):
            thread.join(10)
        self._socket.close()

    def drop(self) -> None:
        """Cut every session, as a restart does."""
        for transport in list(self._transports):
            transport.close()

    def known_hosts(self) -> str:
        """The line of a known_hosts file that vouches for this switch."""
        return f"[127.0.0.1]:{self.port} {self.key.get_name()} {self.key.get_base64()}\n"

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            self._transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                transport.start_server(server=_Login(self))

    def serve(self, channel: paramiko.Channel) -> None:
        """A shell was asked for."""
        self.sessions += 1
        self._spawn(Shell(self, channel).run)


class _Login(paramiko.ServerInterface):
    def __init__(self, switch: Switch):
        self._switch = switch

    def get_allowed_auths(self, username):
        return "password"

    def check_auth_password(self, username, password):
        good = (username, password) == (self._switch.username, self._switch.password)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *args):
        return True

    def check_channel_shell_request(self, channel):
        self._switch.serve(channel)
        return True


class Shell:
    """One session at the command line."""

    def __init__(self, switch: Switch, channel: paramiko.Channel):
        self._switch = switch
        self._channel = channel
        self._mode = "exec"
        self._port: str | None = None
        self._asks_password = False

    def run(self) -> None:
        """Echo, obey and prompt until the other side leaves."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.sendall(f"\r\n{self._prompt()}".encode())
            rest = ""
            while data := self._channel.recv(1024):
                typed = data.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
                *lines, rest = (rest + typed).split("\n")
                for line in lines:
                    self._entered(line)
            self._channel.close()

    def _entered(self, line: str) -> None:
        echo = "" if self._asks_password else line
        self._switch.gate.wait()
        answer = self._obey(line.strip())
        self._channel.sendall(f"{echo}\r\n{answer}{self._prompt()}".encode())

    def _prompt(self) -> str:
        if self._asks_password:
            return "Password: "
        return {"exec": "switch>", "enabled": "switch#", "config": "switch(config)#",
                "interface": "switch(config-if)#"}[self._mode]

    def _obey(self, line: str) -> str:
        if self._asks_password:
            self._asks_password = False
            if line != self._switch.password:
                return "% Access denied\r\n"
            self._mode = "enabled"
            return ""
        self._switch.commands.append(line)
        words = line.split()
        if not words:
            return ""
        handlers = {"exec": self._exec, "enabled": self._enabled, "config": self._config,
                    "interface": self._interface}
        return handlers[self._mode](line, words)

    def _exec(self, line: str, words: list[str]) -> str:
        if words[0] == "enable":
            self._asks_password = True
            return ""
        if words[0] == "terminal":
            return ""
        if words[0] == "show":
            return self._show(line)
        return _BAD

    def _enabled(self, line: str, words: list[str]) -> str:
        if words[0] == "configure":
            self._switch.configured += 1
            self._mode = "config"
            return "Enter configuration commands, one per line.  End with CNTL/Z.\r\n"
        if words[0] in ("write", "copy"):
            self._switch.saved = {name: port.vlan for name, port in self._switch.ports.items()}
            return "Building configuration...\r\n[OK]\r\n"
        return "" if words[0] == "enable" else self._exec(line, words)

    def _config(self, line: str, words: list[str]) -> str:
        if words[0] in ("end", "exit"):
            self._mode = "enabled"
            return ""
        if words[0] == "interface" and len(words) == 2:
            if words[1] not in self._switch.ports:
                return _BAD
            self._mode, self._port = "interface", words[1]
            return ""
        return _INCOMPLETE if words == ["interface"] else _BAD

    def _interface(self, line: str, words: list[str]) -> str:
        if words[0] == "exit":
            self._mode = "config"
            return ""
        found = re.fullmatch(r"switchport access vlan (\d+)", line)
        if found is not None:
            return self._set_vlan(int(found.group(1)))
        if line == "switchport mode access":
            return ""
        return self._config(line, words)

    def _set_vlan(self, vlan: int) -> str:
        if vlan not in self._switch.vlans:
            return "% Access VLAN does not exist.\r\n"
        if not self._switch.ignores:
            self._switch.ports[self._port].vlan = vlan
        return ""

    def _show(self, line: str) -> str:
        found = re.fullmatch(r"show interfaces? (\S+) switchport", line)
        if found is None or found.group(1) not in self._switch.ports:
            return _BAD
        port = self._switch.ports[found.group(1)]
        return (f"Name: {found.group(1)}\r\nSwitchport: Enabled\r\n"
                f"Administrative Mode: static {port.mode}\r\n"
                f"Operational Mode: static {port.mode}\r\n"
                f"Access Mode VLAN: {port.vlan} (VLAN{port.vlan:04d})\r\n"
                "Trunking Native Mode VLAN: 1 (default)\r\n")
