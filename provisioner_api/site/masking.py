"""Design documents as text in which no secret can be read.

Lines keep their numbers, so that findings and origins still point to the right one.
"""

import re

from provisioner.secrets import is_secret_name

MASK = "'******'"
_KEY = re.compile(
    r"""^(?P<head>[\s-]*)(?P<quote>["']?)(?P<key>[\w.-]+)(?P=quote)\s*:(?P<rest>.*)$""")
_FLOW = re.compile(r"""(["']?)([\w.-]+)\1(\s*:\s*)("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,}\]]*)""")
#: documents of other tools whose whole content is a secret
_SECRET_SCHEMA = re.compile(
    r"^schema:\s*[\"']?deckhand/(Passphrase|\w*PrivateKey|CertificateKey|\w*Key)/", re.MULTILINE)


def mask(text: str) -> str:
    """``text`` with the values of keys that name a secret replaced.

    A value that goes on over the following, further indented lines goes with its key.
    """
    parts = re.split(r"(?m)^(---.*)$", text)
    return "".join(part if part.startswith("---") else _document(part) for part in parts)


def _document(text: str) -> str:
    also = {"data"} if _SECRET_SCHEMA.search(text) else set()
    lines, hidden = [], None
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if hidden is not None and (not line.strip() or indent > hidden):
            lines.append("")
            continue
        found = _KEY.match(line)
        hidden = None
        if found and (is_secret_name(found["key"]) or found["key"] in also):
            hidden = len(found["head"])
            line = line[:found.start("rest")] + " " + MASK
        else:
            line = _FLOW.sub(lambda match: _flow(match, also), line) if "{" in line else line
        lines.append(line)
    return "\n".join(lines)


def _flow(match: re.Match, also: set) -> str:
    quote, key, colon, value = match.groups()
    if not value.strip() or not (is_secret_name(key) or key in also):
        return match.group(0)
    return f"{quote}{key}{quote}{colon}{MASK}"
