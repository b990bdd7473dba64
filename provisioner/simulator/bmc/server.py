"""One BMC: datagrams in, datagrams out, with the silence and the loss that its machine's faults
ask for. What it cannot understand it does not answer.
"""

import asyncio
import collections
import dataclasses
import random
import struct
import time
import uuid

from provisioner.simulator.bmc import app, chassis, rmcp, sensors, storage
from provisioner.simulator.bmc.commands import OK, Call, execute
from provisioner.simulator.bmc.handshake import Credentials, Handshake
from provisioner.simulator.bmc.sessions import SessionTable

_TABLES = {table.netfn: table for table in (app.TABLE, chassis.TABLE, storage.TABLE,
                                            sensors.TABLE)}
_APP = 0x06
_RESTART_SECONDS = 1.0
_ASF_PONG = 0x40


@dataclasses.dataclass(frozen=True)
class BmcSettings:
    """The same for every BMC of a fleet.

    :ivar users: password by user name
    :ivar slots: sessions at a time
    :ivar suites: cipher suites offered, of 3 and 17
    :ivar kg: BMC key, ``b""`` for none
    """

    users: dict
    slots: int = 4
    suites: tuple = (3, 17)
    kg: bytes = b""


class Bmc(asyncio.DatagramProtocol):
    """The BMC of ``machine``, which it asks for its power, faults, boot options and identity.

    :ivar counters: packets in and out, commands
    """

    def __init__(self, machine, settings: BmcSettings, journal, seed):
        self.machine, self.suites = machine, settings.suites
        self.guid = uuid.uuid5(uuid.NAMESPACE_DNS, machine.identity.name).bytes
        self.credentials = Credentials(settings.users, self.guid, settings.kg)
        self._random = random.Random(f"{seed}-bmc-{machine.identity.index}")
        self.sessions = SessionTable(settings.slots, self._random)
        self.counters = collections.Counter()
        self._handshake = Handshake(self.sessions, self.credentials, settings.suites)
        self._journal = journal
        self._transport = None
        self._restarted_at = None

    def stats(self) -> dict:
        return {"packets_in": self.counters["in"], "packets_out": self.counters["out"],
                "commands": self.counters["commands"], "sessions": len(self.sessions),
                "sessions_max": self.sessions.most}

    def restart(self) -> None:
        """All sessions are lost and nothing is answered for a second."""
        self.sessions.clear()
        self._restarted_at = time.monotonic()

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        self.counters["in"] += 1
        if self._deaf():
            return
        try:
            reply = self._answer(data, addr)
        except (IndexError, ValueError, struct.error):
            return
        if reply is not None and not self._lost():
            self.counters["out"] += 1
            self._transport.sendto(reply, addr)

    def _deaf(self):
        restarting = (self._restarted_at is not None
                      and time.monotonic() - self._restarted_at < _RESTART_SECONDS)
        return restarting or self.machine.faults.is_on("mute") or self._lost()

    def _lost(self):
        loss = self.machine.faults.loss
        return loss > 0 and self._random.random() < loss

    def _answer(self, packet, address):
        message_class = packet[3] & 0x1F
        if packet[0] != 0x06:
            return None
        if message_class == rmcp.ASF_CLASS:
            return _pong(packet)
        if message_class != rmcp.IPMI_CLASS:
            return None
        if packet[4] != rmcp.AUTH_TYPE_RMCPP:
            return self._outside_session(packet[14:14 + packet[13]], address, rmcp.ipmi15_packet)
        envelope = rmcp.parse_envelope(packet)
        if envelope.payload_type != rmcp.PAYLOAD_IPMI:
            return self._open(envelope, address)
        if envelope.session_id == 0:
            return self._outside_session(
                envelope.payload, address, lambda body: rmcp.plain_packet(0, body))
        return self._in_session(packet, envelope, address)

    def _outside_session(self, body, address, wrap):
        message = rmcp.parse_message(body)
        if message.netfn != _APP:
            return None
        return wrap(self._run(message, None, address))

    def _open(self, envelope, address):
        full = self.machine.faults.is_on("sessions_full")
        answer = self._handshake.answer(envelope, address, full)
        if answer is None:
            return None
        self._journal.write(answer.command, source=address, args=answer.args,
                            result=_result(answer.status))
        return rmcp.plain_packet(answer.payload_type, answer.body)

    def _in_session(self, packet, envelope, address):
        session = self.sessions.find(envelope.session_id)
        if session is None or not session.active or not envelope.protected:
            return None
        if not session.keys.signed(packet):
            return None
        if session.last and session.last[0] == packet:
            call = session.last[2]
            self._journal.write(call.name, source=address, args=call.args, changes=call.changes,
                                result="repeated")
            return session.last[1]
        if not session.accepts(envelope.sequence):
            return None
        message = rmcp.parse_message(session.keys.decrypt(envelope.payload))
        body, call = self._run_call(message, session, address)
        reply = session.keys.seal(session.console_id, session.next_sequence(), body)
        session.last = (packet, reply, call)
        return reply

    def _run(self, message, session, address):
        return self._run_call(message, session, address)[0]

    def _run_call(self, message, session, address):
        self.counters["commands"] += 1
        call = Call(self, session, message.data)
        code, data = execute(_TABLES, message, call)
        self._journal.write(call.name, source=address, args=call.args, changes=call.changes,
                            result=_result(code))
        return message.reply(code, data), call


def _result(code):
    return "ok" if code == OK else f"{code:#04x}"


def _pong(packet):
    """Presence pong (ASF 2.0 section 3.2.4.3): IPMI is supported."""
    tag = packet[9:10]
    return (b"\x06\x00\xff\x06\x00\x00\x11\xbe" + bytes([_ASF_PONG]) + tag + b"\x00\x10"
            b"\x00\x00\x11\xbe\x00\x00\x00\x00\x81" + bytes(7))
