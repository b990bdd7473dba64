"""A provisioning API as small as an agent can live with: boot scripts, lookup, heartbeats.

Runs in a thread of its own; tests read what agents sent and give commands to agents.
"""

import asyncio
import contextlib
import json
import threading
import time
import urllib.error
import urllib.request

from aiohttp import web

TOKEN = "t" * 43
_WAIT_SECONDS = 20


class FakeApi:
    """:ivar scripts: boot script by MAC with dashes; without one the answer is 404
    :ivar lookups, beats, inspections: what came, in order
    :ivar refuse_beats: statuses with which the next heartbeats are answered
    """

    def __init__(self):
        self._changed = threading.Condition()
        self.url = None
        self.reset()

    def reset(self):
        """As if nothing had been said and nobody had come."""
        self.scripts, self.lookups, self.beats, self.inspections = {}, [], [], []
        self.refuse_beats, self.macs, self.given = [], {}, set()
        self.heartbeat_timeout = 1.0

    def boot_agent(self, node, images, extra=""):
        """Let ``node`` boot the ramdisk from the image server ``images``."""
        mac = node["mac"].replace(":", "-")
        self.macs[node["mac"]] = node["name"]
        self.scripts[mac] = (f"#!ipxe\nkernel {images}/deploy.kernel ipa-api-url={self.url} "
                             f"quiet {extra}\ninitrd {images}/deploy.ramdisk\nboot\n")

    def boot_disk(self, node):
        self.scripts[node["mac"].replace(":", "-")] = "#!ipxe\nexit\n"

    def wait(self, condition, what, seconds=_WAIT_SECONDS):
        """Until ``condition()`` is true; its value."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (value := condition()):
                left = deadline - time.monotonic()
                assert left > 0, f"not in {seconds} s: {what}"
                self._changed.wait(min(left, 0.1))
        return value

    def wait_beat(self, node, count=1):
        """The node's heartbeat number ``count``."""
        return self.wait(lambda: self.beats_of(node)[count - 1:count],
                         f"heartbeat {count} of {node['name']}")[0]

    def beats_of(self, node):
        return [one for one in self.beats if one["uuid"] == f"uuid-{node['name']}"]

    def lookups_of(self, mac):
        return [one for one in self.lookups if one["mac"] == mac]

    def application(self):
        app = web.Application()
        app.add_routes([
            web.get("/", self._root), web.get("/boot/{mac}.ipxe", self._script),
            web.get("/v1/lookup", self._lookup),
            web.post("/v1/heartbeat/{uuid}", self._heartbeat),
            web.post("/v1/continue_inspection", self._inspection),
            web.get("/slow", self._slow)])
        return app

    def _note(self, where, what):
        with self._changed:
            where.append(what)
            self._changed.notify_all()

    async def _root(self, _request):
        return web.json_response({"default_version": {"version": "1.100"}})

    async def _script(self, request):
        script = self.scripts.get(request.match_info["mac"])
        if script is None:
            raise web.HTTPNotFound
        return web.Response(text=script)

    async def _lookup(self, request):
        mac = request.query["addresses"]
        self._note(self.lookups, {"mac": mac, "node_uuid": request.query.get("node_uuid"),
                                  "version": request.headers["X-OpenStack-Ironic-API-Version"]})
        if mac not in self.macs:
            raise web.HTTPNotFound
        token = "******" if mac in self.given else TOKEN
        return web.json_response({
            "node": {"uuid": f"uuid-{self.macs[mac]}"},
            "config": {"heartbeat_timeout": self.heartbeat_timeout, "agent_token": token,
                       "agent_token_required": True}})

    async def _heartbeat(self, request):
        if self.refuse_beats:
            return web.Response(status=self.refuse_beats.pop(0))
        body = await request.json()
        self._note(self.beats, {"uuid": request.match_info["uuid"], "t": time.monotonic(), **body})
        return web.Response(status=202)

    async def _slow(self, request):
        """An image whose first bytes come, and no more."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(bytes(1024))
        await asyncio.sleep(3600)

    async def _inspection(self, request):
        self._note(self.inspections, await request.json())
        return web.json_response({"uuid": "uuid-inspected"}, status=202)


@contextlib.contextmanager
def fake_api():
    """A running :class:`FakeApi`."""
    api, started = FakeApi(), threading.Event()
    loop = asyncio.new_event_loop()

    async def serve():
        runner = web.AppRunner(api.application(), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.url = "http://{}:{}".format(*runner.addresses[0][:2])
        started.set()
        return runner

    def run():
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def call(method, url, body=None, timeout=10):
    """(status, JSON answer) of a request, as a conductor sends it."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def command(beat, name, params=None, *, wait=False, token=TOKEN):
    """Give the agent that sent ``beat`` a command."""
    query = f"wait={'true' if wait else 'false'}&agent_token={token}"
    return call("POST", f"{beat['callback_url']}/v1/commands/?{query}",
                {"name": name, "params": params or {}})
