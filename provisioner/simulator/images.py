"""The image server: a demo operating system, a kernel and a ramdisk, the same on every host.

Their bytes are SHAKE-256 of their name and the seed, so that anybody can tell what a disk must
hold. With the default seed and size the demo image has the digest :data:`DEMO_SHA256`.
"""

import hashlib
import pathlib

from aiohttp import web

DEMO_IMAGE = "demo-os.raw"
DEMO_SIZE = 8 << 20
DEMO_SHA256 = "b4b8cb5ff95a6ca3ad5339201e9e84e16cbabdb4b9ff6bdeea16ac1afc55a996"
_RAMDISK_FILES = {"deploy.kernel": 64 << 10, "deploy.ramdisk": 256 << 10}
_BOOT_SIGNATURE = b"\x55\xaa"


def content(name: str, size: int, seed: int = 0) -> bytes:
    """The bytes of a generated file; an image carries a boot signature at offset 510."""
    data = hashlib.shake_256(f"{name} {seed}".encode()).digest(size)
    if name == DEMO_IMAGE and size >= 512:
        data = data[:510] + _BOOT_SIGNATURE + data[512:]
    return data


def generate(directory: pathlib.Path, size: int = DEMO_SIZE, seed: int = 0) -> None:
    """Write the generated files into ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, length in {DEMO_IMAGE: size, **_RAMDISK_FILES}.items():
        (directory / name).write_bytes(content(name, length, seed))


def application(directories) -> web.Application:
    """Serves ``/images/<name>`` from the first of ``directories`` that has such a file."""
    async def serve(request):
        name = request.match_info["name"]
        for directory in directories:
            path = pathlib.Path(directory) / name
            if path.name == name and path.is_file():
                return web.FileResponse(path, chunk_size=256 * 1024)
        raise web.HTTPNotFound(text=f"no image {name}\n")

    app = web.Application()
    app.router.add_get("/images/{name}", serve)
    return app
