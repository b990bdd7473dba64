"""Sessions: login by RAKP and commands inside (IPMI 2.0 sections 13.15 to 13.24, 22.13 to 22.19).

A session's packets are numbered; what comes in twice, or too late, is ignored.
"""

import dataclasses
import struct
from collections.abc import Iterable
from typing import Any

from provisioner import exceptions
from provisioner.drivers.clients import rmcp_codes as codes
from provisioner.drivers.clients import rmcp_wire as wire
from provisioner.drivers.clients.rmcp_settings import Bmc
from provisioner.drivers.clients.rmcp_socket import Endpoint, Silent, Turn

_APP = 0x06
_CAPABILITIES, _SET_PRIVILEGE, _CLOSE = 0x38, 0x3B, 0x3C
_THIS_CHANNEL_WITH_V2 = 0x8E
_SPEAKS_V2 = 0x02
_SETUP_TRIES = 4
_WINDOW = 32


class Refused(Exception):
    """The BMC answered session set-up with a status code."""

    def __init__(self, status: int):
        super().__init__(status)
        self.status = status


class Session:
    """One open session: its keys and its counters."""

    def __init__(self, bmc: Bmc, keys: wire.Keys, console_id: int, bmc_id: int):
        self.bmc = bmc
        self.suite = keys.suite.number
        self.bmc_id = bmc_id
        self._keys = keys
        self._console_id = console_id
        self._sent = 0
        self._request = 0
        self._newest = 0
        self._seen = 0

    def next_request(self) -> int:
        """Number of the next request, which its retransmissions share."""
        self._request = (self._request + 1) & 0x3F
        return self._request

    def seal(self, payload: bytes) -> bytes:
        """A packet with the next session sequence number: BMCs drop one that comes twice."""
        self._sent = self._sent % 0xFFFFFFFF + 1
        return wire.seal(self._keys, self.bmc_id, self._sent, payload)

    def unseal(self, packet: bytes) -> bytes:
        """
        :raises Damaged: also for a packet seen before (IPMI 2.0 section 6.12.13)
        """
        sequence, payload = wire.unseal(self._keys, self._console_id, packet)
        ahead = sequence - self._newest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, _WINDOW) | 1) & (1 << _WINDOW) - 1
            self._newest = sequence
        elif -ahead >= _WINDOW or self._seen >> -ahead & 1:
            raise wire.Damaged("seen before")
        else:
            self._seen |= 1 << -ahead
        return payload


async def command(endpoint: Endpoint, session: Session, request: wire.Request, turn: Turn,
                  tries: int) -> wire.Answer:
    """Ask one command inside a session.

    :raises Silent: the BMC is gone, or has forgotten the session
    """
    number = session.next_request()
    payload = wire.message(request, number)

    def accept(packet: bytes) -> wire.Answer:
        return _matching(wire.answer(session.unseal(packet)), request, number)
    return await endpoint.ask(lambda: session.seal(payload), accept, turn, tries)


async def close(endpoint: Endpoint, session: Session, turn: Turn) -> None:
    """Give the BMC its slot back; a BMC that does not answer has forgotten it anyway."""
    try:
        await command(endpoint, session, _close_request(session), turn, 2)
    except Silent:
        return


def close_packet(session: Session) -> bytes:
    """What tells the BMC that a session is given up, where no answer is waited for."""
    return session.seal(wire.message(_close_request(session), session.next_request()))


def _close_request(session: Session) -> wire.Request:
    return wire.Request(_APP, _CLOSE, struct.pack("<I", session.bmc_id))


async def login(endpoint: Endpoint, bmc: Bmc, suites: Iterable[int], turn: Turn) -> Session:
    """Open a session with the first of ``suites`` that the BMC takes.

    :raises Silent: it answered at first, then no more
    :raises Unreachable: it does not answer at all
    :raises LoginRefused: user, password, key or privilege level are wrong
    :raises RequestRefused: its session table is full
    :raises Unsupported: it knows neither RMCP+ nor any of the suites
    """
    await endpoint.resolve(turn)
    await _probe(endpoint, bmc, turn)
    silent = False
    for suite in suites:
        try:
            session = await _Handshake(endpoint, bmc, wire.SUITES[suite], turn).run()
        except Refused as refused:
            if refused.status not in codes.NO_SUCH_SUITE:
                raise codes.login_error(refused.status, bmc.address) from None
        except Silent:
            # Some BMCs say nothing at all to a suite that they do not know.
            silent = True
        else:
            await _raise_privilege(endpoint, session, turn)
            return session
    if silent:
        raise Silent(" to a login, although it is there; some BMCs do not answer wrong names")
    raise exceptions.Unsupported(
        f"The BMC at {bmc.address} knows none of the cipher suites "
        f"{', '.join(map(str, suites))}.", address=bmc.address,
        remedy="Enable cipher suite 17 or 3 on the BMC, or correct ipmi_cipher_suite.")


async def _probe(endpoint: Endpoint, bmc: Bmc, turn: Turn) -> None:
    """Ask for the channel's capabilities: is it there, and does it speak RMCP+?"""
    request = wire.Request(_APP, _CAPABILITIES, bytes([_THIS_CHANNEL_WITH_V2, bmc.privilege]))

    def accept(packet: bytes) -> wire.Answer:
        return _matching(wire.sessionless_answer(packet), request, 0)
    try:
        answer = await endpoint.ask(lambda: wire.sessionless(request, 0), accept, turn)
    except Silent:
        raise codes.unreachable(bmc.address) from None
    data = codes.check(request, answer, bmc.address)
    if len(data) < 4 or not data[1] & 0x80 or not data[3] & _SPEAKS_V2:
        raise exceptions.Unsupported(f"The BMC at {bmc.address} does not speak IPMI 2.0.",
                                     address=bmc.address)


async def _raise_privilege(endpoint: Endpoint, session: Session, turn: Turn) -> None:
    bmc = session.bmc
    request = wire.Request(_APP, _SET_PRIVILEGE, bytes([bmc.privilege]))
    answer = await command(endpoint, session, request, turn, _SETUP_TRIES)
    if answer.code:
        await close(endpoint, session, turn)
        raise exceptions.LoginRefused(
            f"The BMC at {bmc.address} does not give this user privilege level {bmc.privilege}.",
            remedy="Lower ipmi_priv_level, or raise the user's limit on the BMC.",
            address=bmc.address, completion_code=answer.code)


def _matching(answer: wire.Answer, request: wire.Request, number: int) -> wire.Answer:
    if (answer.netfn, answer.command, answer.sequence) != (request.netfn | 1, request.command,
                                                           number):
        raise wire.Damaged("answers another request")
    return answer


@dataclasses.dataclass
class _Handshake:
    """Open Session and RAKP 1 to 4 with one cipher suite (IPMI 2.0 sections 13.17 to 13.23)."""

    endpoint: Endpoint
    bmc: Bmc
    suite: wire.Suite
    turn: Turn
    tag: int = 0

    def __post_init__(self):
        self._console_id = wire.random_id()
        self._key = self.bmc.password.ljust(20, b"\0")
        role = self.bmc.privilege | wire.NAME_ONLY_LOOKUP
        self._who = bytes([role, len(self.bmc.user)]) + self.bmc.user

    async def run(self) -> Session:
        """
        :raises Refused: with the BMC's status code
        :raises LoginRefused: the BMC does not know the password or key that we know
        """
        bmc_id = await self._open()
        ours = wire.nonce()
        first = struct.pack("<I", bmc_id) + ours + self._who[:1] + bytes(2) + self._who[1:]
        reply = await self._ask(wire.RAKP1, wire.RAKP2, first, 40 + self._digest_size)
        theirs, guid, code = reply[8:24], reply[24:40], reply[40:40 + self._digest_size]
        ids = struct.pack("<II", self._console_id, bmc_id)
        if not wire.equal(code, self._mac(ids + ours + theirs + guid + self._who)):
            self._give_up(bmc_id)
            raise codes.login_error(0x0F, self.bmc.address)
        sik = self.suite.mac(self.bmc.kg.ljust(20, b"\0") if self.bmc.kg else self._key,
                             ours + theirs + self._who)
        await self._prove(bmc_id, theirs, self.suite.mac(sik, ours + ids[4:] + guid))
        return Session(self.bmc, wire.derive(self.suite, sik), self._console_id, bmc_id)

    @property
    def _digest_size(self) -> int:
        return len(self._mac(b""))

    def _mac(self, data: bytes) -> bytes:
        return self.suite.mac(self._key, data)

    async def _open(self) -> int:
        body = struct.pack("<I", self._console_id) + wire.proposals(self.suite)
        reply = await self._ask(wire.OPEN_REQUEST, wire.OPEN_RESPONSE, body, 12)
        return struct.unpack_from("<I", reply, 8)[0]

    async def _prove(self, bmc_id: int, theirs: bytes, expected: bytes) -> None:
        proof = self._mac(theirs + struct.pack("<I", self._console_id) + self._who)
        reply = await self._ask(wire.RAKP3, wire.RAKP4, struct.pack("<I", bmc_id) + proof,
                                8 + self.suite.icv)
        if not wire.equal(reply[8:8 + self.suite.icv], expected[:self.suite.icv]):
            raise exceptions.LoginRefused(
                f"The BMC at {self.bmc.address} has another key K_G.", address=self.bmc.address,
                remedy="Set ipmi_hex_kg_key to the BMC's K_G key, or remove it if it has none.")

    def _give_up(self, bmc_id: int) -> None:
        """Tell the BMC that its RAKP 2 was wrong, so that it frees the half-open session."""
        body = bytes([self.tag, 0x0F, 0, 0]) + struct.pack("<I", bmc_id)
        self.endpoint.tell(wire.setup(wire.RAKP3, body), self.turn)

    async def _ask(self, kind: int, expected: int, body: bytes, size: int) -> Any:
        self.tag = tag = (self.tag + 1) & 0xFF
        packet = wire.setup(kind, bytes([tag, 0, 0, 0]) + body)

        def accept(packet: bytes) -> bytes:
            return self._reply(wire.setup_payload(packet, expected), tag, size)
        reply = await self.endpoint.ask(lambda: packet, accept, self.turn, _SETUP_TRIES)
        if reply[1]:
            raise Refused(reply[1])
        return reply

    def _reply(self, reply: bytes, tag: int, size: int) -> bytes:
        """
        :raises Damaged: if it answers another message or is too short for a success
        """
        if len(reply) < 2 or reply[0] != tag or (not reply[1] and len(reply) < size):
            raise wire.Damaged("not the expected reply")
        if len(reply) >= 8 and struct.unpack_from("<I", reply, 4)[0] not in (0, self._console_id):
            raise wire.Damaged("of another session")
        return reply
