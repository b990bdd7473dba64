"""What happened, in order: one JSON line per command received and per event of a machine.

A line is flushed as soon as it is written, because checkers read the file while the fleet runs.
``t`` is wall-clock time, ``boottime`` is CLOCK_BOOTTIME: the clock by which the service under
test measures its own right to act, comparable between processes of one host.
"""

import collections
import json
import time


class Journal:
    """Writes lines to a file, or only counts them when ``path`` is ``None``."""

    def __init__(self, path=None):
        self._file = open(path, "a", encoding="utf-8") if path else None  # noqa: SIM115
        self.counts = collections.Counter()

    def write(self, line: dict) -> None:
        """Append ``line`` with both clocks; readers see it when this returns."""
        self.counts[f"{line['part']}.{line['command']}"] += 1
        if self._file is None:
            return
        stamped = {"t": time.time(), "boottime": time.clock_gettime(time.CLOCK_BOOTTIME), **line}
        self._file.write(json.dumps(stamped) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def part(self, node: str, part: str) -> "Part":
        """A writer for one part (``bmc``, ``agent``, ``firmware``, ``machine``) of one node."""
        return Part(self, node, part)


class Part:
    """Bound to a node and a part, so that callers name only what happened."""

    def __init__(self, journal, node, part):
        self._journal, self._node, self._part = journal, node, part

    def write(self, command, *, source=None, args=None, changes=False, result="ok") -> None:
        """One line.

        :param source: address of the sender as ``(ip, port)``, or ``None`` for an event
        :param changes: true if the command is of a kind that changes the machine
        """
        self._journal.write({
            "node": self._node, "part": self._part,
            "from": source[0] if source else None, "port": source[1] if source else None,
            "command": command, "args": args or {}, "changes": changes, "result": result})
