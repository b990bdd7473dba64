"""Live progress of a task: a table that redraws itself on a terminal, plain lines elsewhere."""

import datetime
import shutil
import time
from collections.abc import Callable
from typing import Any

from provisioner import exceptions
from provisioner.cli.client import Client
from provisioner.cli.commands import elapsed, seconds

ENDED = ("succeeded", "failed", "cancelled", "parked")
#: seconds between two looks
INTERVAL = 1.0
#: seconds for which an unreachable service is waited for
OUTAGE = 300.0
_COLOURS = {"succeeded": "32", "failed": "31", "parked": "33", "cancelled": "33", "running": "36"}
#: what is shown first when not everything fits
_ORDER = ("failed", "parked", "running", "waiting", "runnable", "cancelled", "succeeded")


def step_text(item: dict) -> str:
    """``3/9 deploy.write_image, waits for agent``"""
    step = item.get("step") or _current(item.get("steps") or [])
    if step is None:
        return ""
    text = f"{step['position']}/{step['total']} {step['name']}"
    return f"{text}, waits for {item['waiting_for']}" if item.get("waiting_for") else text


def _current(steps: list[dict]) -> dict | None:
    open_ones = [step for step in steps if step["state"] not in ("done", "skipped")]
    chosen = (open_ones or steps[-1:] or [None])[0]
    return {**chosen, "total": len(steps)} if chosen else None


def newest(children: list[dict]) -> list[dict]:
    """One line for each node: its newest child, as old as the first of the same try."""
    last: dict[str, dict] = {}
    for child in children:
        name = child["node_name"] or child["node"] or child["uuid"]
        before = last.get(name)
        if before and before["retry"] == child["retry"]:
            child = {**child, "started_at": before["started_at"] or child["started_at"]}
        last[name] = child
    return [last[name] for name in sorted(last)]


def counted(children: list[dict]) -> str:
    """``12 nodes: 3 succeeded, 9 running``"""
    states = [child["state"] for child in children]
    parts = [f"{states.count(state)} {state}" for state in reversed(_ORDER) if state in states]
    return f"{len(states)} nodes: {', '.join(parts)}" if parts else ""


def headline(task: dict, now: datetime.datetime) -> str:
    """The whole task in a line."""
    parts = [task["action"], f"site {task['site']}" if task["site"] else "", task["state"],
             step_text(task) if task["state"] not in ENDED else "",
             counted(newest(task["children"])), elapsed(task, now)]
    return "  ".join(part for part in parts if part)


class Lines:
    """Plain lines, one for each change, with the service's time."""

    def __init__(self, stream):
        self._stream = stream
        self._said: dict[str, str] = {}

    def show(self, task: dict, now: datetime.datetime) -> None:
        self._say(now, task["uuid"], f"{task['action']}: {_status(task)}")
        for child in newest(task["children"]):
            name = child["node_name"] or child["node"]
            self._say(now, child["uuid"], f"{name} {child['action']}: {_status(child)}")

    def say(self, now: datetime.datetime, text: str) -> None:
        print(f"{now.isoformat(timespec='seconds')} {text}", file=self._stream, flush=True)

    def _say(self, now: datetime.datetime, key: str, text: str) -> None:
        if self._said.get(key) != text:
            self._said[key] = text
            self.say(now, text)

    def close(self) -> None:
        """Nothing to tidy up."""


def _status(item: dict) -> str:
    if item["state"] in ENDED:
        error = (item.get("error") or {}).get("message")
        return f"{item['state']}: {error}" if error else item["state"]
    return f"{item['state']} {step_text(item)}".strip()


class Screen:
    """A table that redraws itself in place with ANSI escapes (ECMA-48).

    :param size: gives (columns, lines) of the terminal
    """

    def __init__(self, stream, size: Callable[[], tuple[int, int]] = shutil.get_terminal_size):
        self._stream = stream
        self._size = size
        self._drawn = 0

    def show(self, task: dict, now: datetime.datetime) -> None:
        width, height = self._size()
        rows = frame(task, now, height - 2)
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\x1b[2K{_painted(row, width)}\n" for row in rows)
        self._stream.write(f"{up}\r{body}\x1b[J")
        self._stream.flush()
        self._drawn = len(rows)

    def say(self, now: datetime.datetime, text: str) -> None:
        self._stream.write(f"\x1b[2K{text}\n\x1b[1A")
        self._stream.flush()

    def close(self) -> None:
        """The summary takes the place of the table."""
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}A\r\x1b[J")
        self._drawn = 0


def frame(task: dict, now: datetime.datetime, height: int) -> list[tuple[str, str]]:
    """(state, text) of each line; what matters most comes first when not all of it fits."""
    children = newest(task["children"])
    room = max(1, height - 3)
    hidden = max(0, len(children) - room)
    if hidden:
        children = sorted(children, key=lambda child: _ORDER.index(child["state"]))[:room]
    names = [child["node_name"] or child["node"] or "" for child in children]
    wide = max(map(len, names), default=4)
    rows = [("", headline(task, now))]
    if children:
        rows.append(("", f"{'node':<{wide}}  {'state':<9}  {'elapsed':>7}  step"))
    for name, child in zip(names, children, strict=True):
        error = (child.get("error") or {}).get("message")
        what = error if error and child["state"] in ENDED else step_text(child)
        rows.append((child["state"], f"{name:<{wide}}  {child['state']:<9}  "
                                     f"{elapsed(child, now):>7}  {what}"))
    if hidden:
        rows.append(("", f"... and {hidden} more nodes"))
    return rows


def _painted(row: tuple[str, str], width: int) -> str:
    state, text = row
    text = "".join(sign if sign.isprintable() else " " for sign in text)[:max(1, width - 1)]
    return f"\x1b[{_COLOURS[state]}m{text}\x1b[0m" if state in _COLOURS else text


def summary(task: dict, now: datetime.datetime) -> list[str]:
    """What came of it, for the end: a table of nodes, then what went wrong and what to do."""
    children = newest(task["children"])
    wide = max((len(child["node_name"] or "") for child in children), default=0)
    rows = [f"{child['node_name'] or child['node']:<{wide}}  {child['state']:<9}  "
            f"{elapsed(child, now):>7}" for child in children]
    for item in (task, *children):
        error = item.get("error")
        if error and item["state"] in ("failed", "parked"):
            rows.append(f"{item.get('node_name') or item['action']}: {error.get('message', '')}")
            rows += [f"  To do: {error['remedy']}"] if error.get("remedy") else []
    result = task.get("result") or {}
    rows += [f"{message['context']}: {message['message']}"
             for message in result.get("messages", []) if message.get("error")]
    took = elapsed(task, now) or seconds(0)
    return [*rows, f"{task['action']} {task['state']} after {took}."
            + (f" {counted(children)}." if children else "")]


def succeeded(task: dict) -> bool:
    """Whether everything that was asked for has been done."""
    return task["state"] == "succeeded" and not (task.get("result") or {}).get("failures")


def follow(client: Client, uuid: str, stream, sleep: Callable[[float], None] = time.sleep) -> int:
    """Show a task until it ends; the exit status: 0 only if it succeeded.

    :raises Unavailable: if the service stays away for :data:`OUTAGE` seconds
    """
    shown: Any = Screen(stream) if stream.isatty() else Lines(stream)
    client.patience = 0
    away = 0.0
    while True:
        try:
            task = client.get(f"/api/v1.1/tasks/{uuid}")
            away = 0.0
        except exceptions.Unavailable as error:
            if away >= OUTAGE:
                raise
            if not away:
                shown.say(client.now(), f"{error.message} Still trying; the task goes on.")
            away += INTERVAL
            sleep(INTERVAL)
            continue
        shown.show(task, client.now())
        if task["state"] in ENDED:
            break
        sleep(INTERVAL)
    shown.close()
    print("\n".join(summary(task, client.now())), file=stream, flush=True)
    return 0 if succeeded(task) else 1
