"""Records of machines that somebody waits for: one list request serves all who wait.

Who takes a record that is some seconds old is waiting for its machine, and is taken to be for a
while; whoever finds a record too old fetches all of those that are, of all machines waited for,
while the others who find the same wait for that answer. Who must know how it is now gets just that.
Only the fields that tell a machine's state are kept: a whole record is some 50 kB.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Sequence

from provisioner import exceptions
from provisioner.clock import Clock

FIELDS = (
    "system_id", "hostname", "status", "status_name", "status_message", "power_state",
    "power_type", "owner", "locked", "osystem", "distro_series", "hwe_kernel", "netboot",
    "current_commissioning_result_id", "current_installation_result_id", "workload_annotations",
    "owner_data", "architecture", "cpu_count", "memory", "storage", "hardware_info")
#: machines in one list request: the query stays below the 8 kB that proxies take
BATCH = 400
#: seconds after which a machine that nobody asked for is no longer fetched
FORGET_AFTER = 120.0


@dataclasses.dataclass(frozen=True)
class _Entry:
    """:ivar at: when its request was sent; :ivar record: None: the region has no such machine"""

    at: float
    record: dict | None


class Records:
    """Records of one region.

    :param fetch: ``(ids, deadline) -> list of records``; raises HardwareError
    """

    def __init__(self, clock: Clock, fetch: Callable[[list[str], float], list[dict]]):
        self._clock, self._fetch = clock, fetch
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._asked: dict[str, float] = {}
        self._floor: dict[str, float] = {}

    def get(self, ids: Sequence[str], age: float, deadline: float) -> dict[str, dict]:
        """Records by id, none sent for more than ``age`` seconds ago.

        :param deadline: on the clock's elapsed time
        :raises HardwareError:
        """
        now = self._clock.elapsed()
        if age:
            with self._guard:
                self._asked.update(dict.fromkeys(ids, now))
        found = self._fresh(ids, now - age)
        if found is not None:
            return found
        if not self._turn.acquire(timeout=max(deadline - now, 0.001)):
            raise exceptions.HardwareTimeout("MAAS has not answered an earlier list request.",
                                             remedy="Repeat the request.")
        try:
            # Once is enough, unless a machine is changed while its record is on the way.
            while (found := self._fresh(ids, now - age)) is None:
                self._fetch_stale(ids, now - age if age else None, deadline)
            return found
        finally:
            self._turn.release()

    def forget(self, system_id: str | None) -> None:
        """What was fetched until now of that machine is out of date."""
        with self._guard:
            if system_id is not None:
                self._floor[system_id] = self._clock.elapsed()
                self._entries.pop(system_id, None)

    def _fresh(self, ids: Iterable[str], since: float) -> dict[str, dict] | None:
        """The records, or None if one of them is older than ``since``."""
        with self._guard:
            entries = {own: self._entries.get(own) for own in ids}
        if any(entry is None or entry.at < since for entry in entries.values()):
            return None
        return {own: entry.record for own, entry in entries.items() if entry.record is not None}

    def _fetch_stale(self, ids: Iterable[str], since: float | None, deadline: float) -> None:
        """Fetch ``ids``, and what else is waited for and older than ``since``, if that is given."""
        with self._guard:
            now = self._clock.elapsed()
            self._asked = {own: at for own, at in self._asked.items() if now - at < FORGET_AFTER}
            self._entries = {own: entry for own, entry in self._entries.items()
                             if own in self._asked or now - entry.at < FORGET_AFTER}
            self._floor = {own: at for own, at in self._floor.items()
                           if now - at < FORGET_AFTER}
            stale = [own for own in self._asked if own not in self._entries
                     or self._entries[own].at < since] if since is not None else []
            wanted = sorted({*stale, *ids})
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start:start + BATCH]
            at = self._clock.elapsed()
            records = {record["system_id"]: record for record in self._fetch(batch, deadline)}
            self._keep(batch, at, records)

    def _keep(self, batch: list[str], at: float, records: dict[str, dict]) -> None:
        with self._guard:
            for own in batch:
                if at < self._floor.get(own, at):
                    continue
                record = records.get(own)
                self._entries[own] = _Entry(at, None if record is None else {
                    name: record.get(name) for name in FIELDS})
