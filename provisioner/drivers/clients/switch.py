"""Switches over SSH, by netmiko: one session per switch, kept; what is asked at once goes at once.

Whoever comes while a switch is being spoken to leaves a job; the next one in carries out all jobs
that wait, changes in one configuration session. Each change's check runs immediately before that
session's commands are sent.
"""

import collections
import contextlib
import dataclasses
import pathlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import netmiko
import paramiko
import yaml
from netmiko import exceptions as netmiko_errors

from provisioner import exceptions

_PORT = re.compile(r"[A-Za-z][A-Za-z0-9/.:_-]{0,63}")
_ERROR = r"(?m)^\s*%.*"


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a family of switches is spoken to. ``{port}`` and ``{vlan}`` stand for values."""

    show: str
    vlan: re.Pattern
    access: tuple[str, ...]


_ACCESS = ("interface {port}", "switchport mode access", "switchport access vlan {vlan}")
_VLAN = re.compile(r"^\s*Access Mode VLAN:\s*(\d+)", re.MULTILINE)
#: netmiko's device type -> dialect
DIALECTS = {
    "cisco_ios": Dialect("show interfaces {port} switchport", _VLAN, _ACCESS),
    "cisco_xe": Dialect("show interfaces {port} switchport", _VLAN, _ACCESS),
    "cisco_nxos": Dialect("show interface {port} switchport", _VLAN, ("interface {port}",
                          "switchport", *_ACCESS[1:])),
    "arista_eos": Dialect("show interfaces {port} switchport", _VLAN, _ACCESS),
}


@dataclasses.dataclass(frozen=True)
class Request:
    """One port of one switch.

    :ivar vlan: access VLAN to set; None reads it
    """

    switch: str
    port: str
    vlan: int | None = None


@dataclasses.dataclass(frozen=True)
class Switch:
    """How one switch is reached. :ivar save: whether changes shall outlive its restart"""

    name: str
    address: str
    username: str
    device_type: str = "cisco_ios"
    port: int = 22
    password: str | None = dataclasses.field(default=None, repr=False)
    enable_password: str | None = dataclasses.field(default=None, repr=False)
    key_file: str | None = None
    known_hosts: str | None = None
    check_host_key: bool = True
    save: bool = True


class SwitchPool:
    """All switches of the file; a :class:`provisioner.drivers.base.TransportPool`.

    :param file: path of the file of ``[switches] file``; read when a switch is first asked for,
        and again when it has changed
    """

    def __init__(self, file: str | None):
        self._file = file
        self._guard = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def transport(self, settings: Mapping[str, Any]) -> "SwitchPool":
        """The way to every switch: requests name theirs."""
        return self

    def exchange(self, request: Request, timeout: float,
                 check: Callable[[], None]) -> dict[str, int | None]:
        """``{"vlan": number}`` as the switch shows it; of a change nothing: read it back.

        :raises InvalidSetting: the switch is not in the file, or the port is no port's name
        :raises Unreachable: :raises LoginRefused: :raises RequestRefused:
        """
        if not _PORT.fullmatch(request.port) or request.vlan not in (None, *range(1, 4095)):
            raise exceptions.InvalidSetting(
                f"Port {request.port[:64]!r} and VLAN {request.vlan} cannot be a switch's.",
                remedy="Correct the port's local_link_connection and the VLANs.")
        job = _Job(request, timeout, check)
        self._line(request.switch).carry_out(job)
        return job.result()

    def _line(self, name: str) -> "_Line":
        switch = self._known(name)
        with self._guard:
            line = self._lines.get(name)
            if line is None or line.switch != switch:
                line = self._lines[name] = _Line(switch)
            return line

    def _known(self, name: str) -> Switch:
        """:raises InvalidSetting: if the file lacks it, or cannot be used"""
        remedy = "Name each switch in [switches] file, as local_link_connection/switch_info does."
        try:
            path = pathlib.Path(self._file or "")
            if path.stat().st_mode & 0o077:
                raise exceptions.InvalidSetting(f"The file {path} is readable by others.",
                                                remedy=f"chmod 0600 {path}")
            found = yaml.safe_load(path.read_text(encoding="utf-8"))[name]
            switch = Switch(name=name, **found)
            if switch.device_type not in DIALECTS:
                raise ValueError(f"device_type must be one of {', '.join(DIALECTS)}")
        except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
            raise exceptions.InvalidSetting(
                f"Switch {name} is not known: {type(error).__name__} {error}.",
                remedy=remedy, switch=name) from error
        return switch

    def close(self) -> None:
        with self._guard:
            for line in self._lines.values():
                line.close()


class _Job:
    """A request and what becomes of it."""

    def __init__(self, request: Request, timeout: float, check: Callable[[], None]):
        self.request = request
        self.timeout = timeout
        self.check = check
        self.over = False
        self._outcome: dict | exceptions.ProvisionerError = {}

    def end(self, outcome: dict | exceptions.ProvisionerError) -> None:
        self._outcome, self.over = outcome, True

    def end_unless_over(self, switch: str) -> None:
        if not self.over:
            self.end(exceptions.Unreachable(f"The session with switch {switch} broke.",
                                            remedy="Repeat the request.", switch=switch))

    def result(self) -> dict:
        if isinstance(self._outcome, exceptions.ProvisionerError):
            raise self._outcome
        return self._outcome


class _Line:
    """The session with one switch, and those who wait for it."""

    def __init__(self, switch: Switch):
        self.switch = switch
        self._dialect = DIALECTS[switch.device_type]
        self._turn = threading.Lock()
        self._waiting: collections.deque[_Job] = collections.deque()
        self._session: netmiko.BaseConnection | None = None

    def carry_out(self, job: _Job) -> None:
        """Return when the job is over, whoever has carried it out."""
        self._waiting.append(job)
        if not self._turn.acquire(timeout=job.timeout):
            with contextlib.suppress(ValueError):
                self._waiting.remove(job)
                job.end(exceptions.HardwareTimeout(
                    f"Switch {self.switch.name} was busy with earlier requests.",
                    remedy="Repeat the request.", switch=self.switch.name))
                return
            # Taken by the one whose turn it is: its end is near.
            self._turn.acquire()
        try:
            if not job.over:
                self._run(self._all_waiting())
        finally:
            self._turn.release()

    def _all_waiting(self) -> list[_Job]:
        jobs = []
        while self._waiting:
            jobs.append(self._waiting.popleft())
        return jobs

    def _run(self, jobs: list[_Job]) -> None:
        """Carry out all of these: changes first, then reads. None is left without an end."""
        try:
            session = self._open(max(job.timeout for job in jobs))
            self._change(session, [job for job in jobs if job.request.vlan is not None])
            for job in jobs:
                if not job.over:
                    job.end(self._read(session, job))
        except exceptions.ProvisionerError as error:
            self._hang_up(jobs, error)
        except (netmiko_errors.NetmikoBaseException, paramiko.SSHException, OSError,
                EOFError, ValueError) as error:
            self._hang_up(jobs, self._cause(error))
        finally:
            # Whatever else went wrong: nobody may take silence for success.
            for job in jobs:
                job.end_unless_over(self.switch.name)

    def _hang_up(self, jobs: Iterable[_Job], error: exceptions.ProvisionerError) -> None:
        self.close()
        for job in jobs:
            if not job.over:
                job.end(error)

    def _open(self, timeout: float) -> netmiko.BaseConnection:
        """The session that is open, or a new one."""
        if self._session is not None and not self._session.is_alive():
            self.close()
        if self._session is None:
            one = self.switch
            self._session = netmiko.ConnectHandler(
                device_type=one.device_type, host=one.address, port=one.port,
                username=one.username, password=one.password or "",
                secret=one.enable_password or "", use_keys=one.key_file is not None,
                key_file=one.key_file, allow_agent=False, ssh_strict=one.check_host_key,
                system_host_keys=one.check_host_key and one.known_hosts is None,
                alt_host_keys=one.known_hosts is not None, alt_key_file=one.known_hosts or "",
                conn_timeout=timeout, auth_timeout=timeout, banner_timeout=timeout,
                read_timeout_override=timeout, fast_cli=True)
            self._enable(self._session)
        return self._session

    def _enable(self, session: netmiko.BaseConnection) -> None:
        try:
            if not session.check_enable_mode():
                session.enable()
        except ValueError as error:
            raise exceptions.LoginRefused(
                f"Switch {self.switch.name} refuses privileged mode.",
                remedy="Correct enable_password in [switches] file.",
                switch=self.switch.name) from error

    def _change(self, session: netmiko.BaseConnection, jobs: list[_Job]) -> None:
        """One configuration session for all; one each if a command of it is refused."""
        if not jobs:
            return
        try:
            sent = self._configure(session, jobs)
        except netmiko_errors.ConfigInvalidException as error:
            if len(jobs) > 1:
                session.exit_config_mode()
                for job in jobs:
                    self._change(session, [job])
                return
            session.exit_config_mode()
            jobs[0].end(self._cause(error))
            return
        if sent and self.switch.save:
            session.save_config()
        for job in sent:
            job.end({"vlan": None})

    def _configure(self, session: netmiko.BaseConnection, jobs: list[_Job]) -> list[_Job]:
        """Send the changes of those whose check lets them."""
        allowed, commands = [], []
        for job in jobs:
            try:
                job.check()
            except (exceptions.LeaseLost, exceptions.FenceLost) as error:
                job.end(error)
                continue
            allowed.append(job)
            commands += [line.format(port=job.request.port, vlan=job.request.vlan)
                         for line in self._dialect.access]
        if commands:
            session.send_config_set(commands, error_pattern=_ERROR, cmd_verify=True)
        return allowed

    def _read(self, session: netmiko.BaseConnection,
              job: _Job) -> dict | exceptions.ProvisionerError:
        text = session.send_command(self._dialect.show.format(port=job.request.port))
        found = self._dialect.vlan.search(text)
        if found is not None:
            return {"vlan": int(found.group(1))}
        return exceptions.RequestRefused(
            f"Switch {self.switch.name} does not tell the VLAN of port {job.request.port}: "
            f"{text.strip()[:200]}", remedy="Check local_link_connection/port_id.",
            switch=self.switch.name, port=job.request.port)

    def _cause(self, error: Exception) -> exceptions.HardwareError:
        """The error by its cause; what a switch says may be shown, a password never is in it."""
        name, where = self.switch.name, {"switch": self.switch.name}
        if isinstance(error, netmiko_errors.NetmikoAuthenticationException):
            return exceptions.LoginRefused(
                f"Switch {name} refuses our login.",
                remedy="Correct the switch's entry in [switches] file.", **where)
        if isinstance(error, netmiko_errors.ConfigInvalidException):
            return exceptions.RequestRefused(
                f"Switch {name} refuses a command: {str(error).strip()[:300]}",
                remedy="Check the port's name, and that the VLAN exists on the switch.", **where)
        if isinstance(error, netmiko_errors.ReadTimeout):
            return exceptions.HardwareTimeout(f"Switch {name} did not answer a command in time.",
                                              remedy="Look at the switch.", **where)
        return exceptions.Unreachable(
            f"Switch {name} at {self.switch.address} cannot be reached: {type(error).__name__}.",
            remedy="Check its address, its SSH server, and its host key.", **where)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException,
                                     netmiko_errors.NetmikoBaseException):
                session.disconnect()
