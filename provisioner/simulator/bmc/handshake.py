"""Opening a session: Open Session Request and RAKP messages 1 to 4 (IPMI 2.0, 13.17 to 13.24).

A retransmitted request gets the very reply that its original got: a second random number would
make the first one worthless to a console whose reply came late.
"""

import dataclasses
import hmac
import os
import struct

from provisioner.simulator.bmc import rmcp

OK = 0x00
NO_RESOURCES = 0x01
UNKNOWN_SESSION = 0x02
UNAUTHORIZED_NAME = 0x0D
BAD_CHECK_VALUE = 0x0F
NO_SUITE = 0x11
ADMINISTRATOR = 4


@dataclasses.dataclass(frozen=True)
class Answer:
    """A reply, with what the log says about it."""

    payload_type: int
    body: bytes
    command: str
    status: int
    args: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Who may log in.

    :ivar users: password by name; the empty name is the null user
    :ivar kg: BMC key, ``b""`` for none (then the user's password takes its place)
    """

    users: dict
    guid: bytes
    kg: bytes = b""


class Handshake:
    """Opens sessions in ``table`` for the users of ``credentials``."""

    def __init__(self, table, credentials: Credentials, suites):
        self._table, self._credentials = table, credentials
        self._suites = {rmcp.SUITES[number].algorithms: rmcp.SUITES[number] for number in suites}

    def answer(self, envelope: rmcp.Envelope, address, full: bool) -> Answer | None:
        """The reply to one handshake payload; ``None`` for silence.

        :param full: behave as if no slot were free
        """
        payload = envelope.payload
        if envelope.payload_type == rmcp.OPEN_REQUEST:
            return self._open(payload, address, full)
        if envelope.payload_type == rmcp.RAKP1:
            return self._in_session(payload, self._rakp1, rmcp.RAKP2)
        if envelope.payload_type == rmcp.RAKP3:
            return self._in_session(payload, self._rakp3, rmcp.RAKP4)
        return None

    def _open(self, payload, address, full):
        tag, wanted, console_id = struct.unpack_from("<BBxxI", payload)
        algorithms = (payload[12], payload[20], payload[28])
        suite = self._suites.get(algorithms)
        args = {"suite": suite.number if suite else list(algorithms)}
        if suite is None:
            return self._refuse_open(payload, NO_SUITE, args)
        session = self._table.half_open(console_id, address)
        if session is None and not full:
            session = self._table.open(console_id, suite, address, wanted & 0xF or ADMINISTRATOR)
        if session is None:
            return self._refuse_open(payload, NO_RESOURCES, args)
        body = struct.pack("<BBBxII", tag, OK, session.limit, console_id, session.session_id)
        for kind, algorithm in enumerate(algorithms):
            body += bytes([kind, 0, 0, 8, algorithm, 0, 0, 0])
        return Answer(rmcp.OPEN_RESPONSE, body, "open_session", OK, args)

    @staticmethod
    def _refuse_open(payload, status, args):
        body = bytes([payload[0], status, 0, 0]) + payload[4:8]
        return Answer(rmcp.OPEN_RESPONSE, body, "open_session", status, args)

    def _in_session(self, payload, handle, reply_type):
        session = self._table.find(struct.unpack_from("<I", payload, 4)[0])
        if session is None:
            body = bytes([payload[0], UNKNOWN_SESSION, 0, 0, 0, 0, 0, 0])
            return Answer(reply_type, body, "rakp", UNKNOWN_SESSION)
        if payload not in session.handshake:
            session.handshake[payload] = handle(session, payload)
        return session.handshake[payload]

    def _rakp1(self, session, payload):
        console_random, role = payload[8:24], payload[24]
        raw_name = payload[28:28 + payload[27]]
        name = raw_name.decode("latin-1")
        who = bytes([role, len(raw_name)]) + raw_name
        password = self._credentials.users.get(name)
        head = struct.pack("<BBxxI", payload[0], OK, session.console_id)
        if password is None:
            self._table.close(session)
            body = head[:1] + bytes([UNAUTHORIZED_NAME]) + head[2:]
            return Answer(rmcp.RAKP2, body, "rakp1", UNAUTHORIZED_NAME, {"user": name})
        session.user, session.limit = name, min(session.limit, role & 0xF or ADMINISTRATOR)
        key = password.encode().ljust(20, b"\0")[:20]
        own_random, guid, mac = os.urandom(16), self._credentials.guid, session.suite.mac
        console, own = struct.pack("<I", session.console_id), struct.pack("<I", session.session_id)
        session_key = mac(self._credentials.kg or key, console_random + own_random + who)
        session.keys = rmcp.Keys.derive(session.suite, session_key)
        session.expected_code = mac(key, own_random + console + who)
        session.final_code = mac(session_key, console_random + own + guid)[:session.suite.icv]
        code = mac(key, console + own + console_random + own_random + guid + who)
        return Answer(rmcp.RAKP2, head + own_random + guid + code, "rakp1", OK, {"user": name})

    def _rakp3(self, session, payload):
        if payload[1] or session.keys is None:
            self._table.close(session)
            return None
        head = struct.pack("<BBxxI", payload[0], OK, session.console_id)
        size = len(session.expected_code)
        if not hmac.compare_digest(session.expected_code, payload[8:8 + size]):
            self._table.close(session)
            body = head[:1] + bytes([BAD_CHECK_VALUE]) + head[2:]
            return Answer(rmcp.RAKP4, body, "rakp3", BAD_CHECK_VALUE, {"user": session.user})
        session.active = True
        return Answer(rmcp.RAKP4, head + session.final_code, "rakp3", OK, {"user": session.user})
