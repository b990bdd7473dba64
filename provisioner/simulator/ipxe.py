"""iPXE scripts, as far as the simulated firmware runs them: kernel, initrd, boot, chain, exit."""

import dataclasses
import urllib.parse

_OPTIONS_WITH_VALUE = ("--name", "-n", "--timeout", "-t")


@dataclasses.dataclass(frozen=True)
class Script:
    """What a script asks for.

    :ivar kernel: absolute URL, or ``None`` when the script goes on to the local disk
    :ivar parameters: ``key=value`` words after the kernel; a bare word has the value ``""``
    :ivar initrds: absolute URLs
    :ivar chain: absolute URL of a script to run instead, or ``None``
    """

    kernel: str | None = None
    parameters: dict = dataclasses.field(default_factory=dict)
    initrds: tuple = ()
    chain: str | None = None


class ScriptError(ValueError):
    """Not an iPXE script."""


def parse(text: str, base: str) -> Script:
    """Read a script.

    :param base: URL it came from; relative URLs are relative to it
    :raises ScriptError: the first line is not ``#!ipxe``
    """
    lines = text.splitlines()
    if not lines or not lines[0].startswith("#!ipxe"):
        raise ScriptError("no #!ipxe in the first line")
    kernel, parameters, initrds = None, {}, []
    for line in lines[1:]:
        verb, *words = line.split() or [""]
        words = _without_options(words)
        if verb in ("exit", "sanboot"):
            return Script()
        if verb == "boot":
            break
        url = urllib.parse.urljoin(base, words[0]) if words else None
        if verb == "chain" and url:
            return Script(chain=url)
        if verb == "kernel" and url:
            kernel, parameters = url, dict(word.partition("=")[::2] for word in words[1:])
        if verb == "initrd" and url:
            initrds.append(url)
    return Script(kernel, parameters, tuple(initrds))


def _without_options(words):
    """``words`` from the URL on; what follows it belongs to the kernel, dashes and all."""
    position = 0
    while position < len(words) and words[position].startswith("-"):
        position += 2 if words[position] in _OPTIONS_WITH_VALUE else 1
    return words[position:]
