"""Events as a list and as a stream."""

import json

import pytest

from provisioner.clock import Clock
from provisioner.db import events, nodes
from provisioner.db.models import events as table
from provisioner.db.session import Database
from provisioner_api.site import events as site_events
from tests.unit.api.site.test_tasks import add_child

BASE = "/api/v1.1/events"


class Skipping(Clock):
    """Every wait is over at once, and the time has passed."""

    def __init__(self):
        super().__init__(seed=1)
        self.passed = 0.0

    def elapsed(self) -> float:
        return self.passed

    def wait(self, event, timeout) -> bool:
        self.passed += timeout
        return event.is_set()


@pytest.fixture
def node(site_api):
    return site_api.database.write(lambda tx: nodes.create(
        tx, {"name": "node-001", "driver": "fake-hardware"}))


def tell(api, text, **more):
    with api.database.writer() as tx:
        events.append(tx, events.Event("test", text, **more))


def messages(answer):
    return [event["message"] for event in answer.json["events"]]


def test_events_are_filtered_and_paged(site_api, node):
    task = site_api.task(site_api.store())
    tell(site_api, "one", node=node)
    tell(site_api, "two", task=task)
    tell(site_api, "three", node=node, task=task)
    assert messages(site_api.http.get(BASE)) == ["one", "two", "three"]
    assert messages(site_api.http.get(BASE, query_string={"node": "node-001"})) == ["one", "three"]
    assert messages(site_api.http.get(BASE, query_string={"task": task})) == ["two", "three"]
    page = site_api.http.get(BASE, query_string={"limit": 2})
    rest = site_api.http.get(BASE, query_string={"after": page.json["after"]})
    assert (messages(page), messages(rest)) == (["one", "two"], ["three"])


@pytest.mark.parametrize("query", [{"node": "nobody"}, {"task": "x"}, {"after": "x"},
                                   {"limit": "0"}, {"follow": "maybe"},
                                   {"follow": "true", "task": "x"}])
def test_wrong_arguments_are_refused(site_api, query):
    assert site_api.http.get(BASE, query_string=query).status_code in (400, 404)


@pytest.fixture
def tail_of(site_api):
    """A tail on a database whose time passes by itself."""
    clock = Skipping()
    database = Database(str(site_api.database.url), clock)
    yield lambda **wanted: (site_events.Tail(
        database, wanted.get("node"), wanted.get("task"), wanted.get("after")), clock)
    database.dispose()


def texts(rows):
    return [row.message for row in rows]


def test_tail_tells_each_event_once(site_api, node, tail_of):
    tell(site_api, "before", node=node)
    tail, clock = tail_of()
    assert texts(tail.poll()) == []
    tell(site_api, "one", node=node)
    assert texts(tail.poll()) == ["one"]
    assert texts(tail.poll()) == []
    clock.passed += 100
    assert texts(tail.poll()) == []
    tell(site_api, "two", node=node)
    assert texts(tail.poll()) == ["two"]


def test_tail_begins_behind_what_was_seen(site_api, node, tail_of):
    tell(site_api, "one", node=node)
    tell(site_api, "two", node=node)
    first = site_api.http.get(BASE).json["events"][0]["id"]
    tail, _ = tail_of(after=first)
    assert texts(tail.poll()) == ["two"]


def test_event_that_becomes_visible_late_is_told(site_api, node, tail_of):
    tail, clock = tail_of(after=0)
    tell(site_api, "one", node=node)
    with site_api.database.reader() as tx:
        row = events.find(tx, events.EventFilter())[0]
    with site_api.database.writer() as tx:
        tx.execute(table.insert().values({**row._mapping, "id": row.id + 5, "uuid": "later",
                                          "message": "later"}))
    assert texts(tail.poll()) == ["one", "later"]
    clock.passed += site_events.WINDOW / 2
    with site_api.database.writer() as tx:
        tx.execute(table.insert().values({**row._mapping, "id": row.id + 2, "uuid": "between",
                                          "message": "between"}))
    assert texts(tail.poll()) == ["between"]
    assert texts(tail.poll()) == []


def test_many_events_are_read_in_batches(site_api, node, tail_of, monkeypatch):
    monkeypatch.setattr(site_events, "BATCH", 2)
    tail, _ = tail_of(after=0)
    for number in range(5):
        tell(site_api, str(number), node=node)
    assert texts(tail.poll()) == ["0", "1", "2", "3", "4"]


def test_tail_of_a_site_task_follows_children_that_come_later(site_api, tail_of):
    task = site_api.task(site_api.store())
    tail, _ = tail_of(task=task)
    child = add_child(site_api, task, "node-001")
    tell(site_api, "of the child", task=child)
    assert texts(tail.poll()) == ["of the child"]


def test_stream_tells_events_and_beats(site_api, node, tail_of):
    tail, clock = tail_of(after=0)
    stream = site_events.Stream(tail, clock, 4)
    lines = iter(stream)
    assert next(lines) == ": open\n\n"
    tell(site_api, "one", node=node, data={"password": "x"})
    name, kind, data = next(lines).strip().split("\n")
    assert (name.startswith("id: "), kind) == (True, "event: test")
    assert json.loads(data.removeprefix("data: "))["data"] == {"password": "******"}
    assert next(lines) == ": beat\n\n"
    assert clock.passed >= site_events.HEARTBEAT
    stream.close()
    assert list(lines) == []


def test_streams_are_counted_and_given_back(site_api):
    limit = site_api.conf.api.threads // 4
    answers = [site_api.http.get(BASE, query_string={"follow": "true"}, buffered=False)
               for _ in range(limit)]
    assert {answer.mimetype for answer in answers} == {"text/event-stream"}
    refused = site_api.http.get(BASE, query_string={"follow": "true"})
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "Unavailable")
    for answer in answers:
        answer.close()
    again = site_api.http.get(BASE, query_string={"follow": "true"}, buffered=False)
    assert again.status_code == 200
    again.close()
