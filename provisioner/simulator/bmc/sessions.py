"""The session table of a BMC: a few slots, which an idle or half-open session holds for a while."""

import dataclasses
import time

from provisioner.simulator.bmc import rmcp

IDLE_SECONDS = 60.0
USER = 2
_REPLAY_WINDOW = 16


@dataclasses.dataclass
class Session:
    """One session; ``keys`` is ``None`` until RAKP message 1 and ``active`` until message 3.

    :ivar limit: highest privilege that may be asked for
    :ivar handshake: replies already given while opening, by request, for retransmissions
    :ivar last: (request packet, reply packet, log line) of the last command, for the same reason
    """

    session_id: int
    console_id: int
    suite: rmcp.Suite
    address: tuple
    limit: int
    used: float
    active: bool = False
    user: str = ""
    privilege: int = USER
    keys: rmcp.Keys | None = None
    expected_code: bytes = b""
    final_code: bytes = b""
    sequence: int = 0
    received: int = 0
    handshake: dict = dataclasses.field(default_factory=dict)
    last: tuple | None = None

    def accepts(self, sequence: int) -> bool:
        """Whether an inbound sequence number is not too old (section 6.12.13)."""
        if sequence == 0 or sequence + _REPLAY_WINDOW < self.received:
            return False
        self.received = max(self.received, sequence)
        return True

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence


class SessionTable:
    """At most ``slots`` sessions at a time; ``most`` is the highest number ever held.

    :param now: a monotonic clock in seconds
    """

    def __init__(self, slots: int, random, now=time.monotonic):
        self._now = now
        self.slots, self.most = slots, 0
        self._random = random
        self._sessions: dict[int, Session] = {}

    def __len__(self):
        self._expire()
        return len(self._sessions)

    def open(self, console_id: int, suite: rmcp.Suite, address, limit: int) -> Session | None:
        """A new session, or ``None`` when the table is full."""
        self._expire()
        if len(self._sessions) >= self.slots:
            return None
        session_id = self._random.getrandbits(31) + 1
        while session_id in self._sessions:
            session_id = self._random.getrandbits(31) + 1
        session = Session(session_id, console_id, suite, address, limit, self._now())
        self._sessions[session_id] = session
        self.most = max(self.most, len(self._sessions))
        return session

    def half_open(self, console_id: int, address) -> Session | None:
        """The session that a retransmitted Open Session Request has already made."""
        for session in self._sessions.values():
            if session.console_id == console_id and session.address == address:
                return None if session.active else session
        return None

    def find(self, session_id: int) -> Session | None:
        """The session, now marked as used; ``None`` if it never was or has expired."""
        self._expire()
        session = self._sessions.get(session_id)
        if session is not None:
            session.used = self._now()
        return session

    def close(self, session: Session) -> None:
        self._sessions.pop(session.session_id, None)

    def clear(self) -> None:
        """The BMC restarts: every session is gone."""
        self._sessions.clear()

    def _expire(self):
        oldest = self._now() - IDLE_SECONDS
        for session in [one for one in self._sessions.values() if one.used < oldest]:
            self.close(session)
