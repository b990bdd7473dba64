"""User data of a deployed node: what cloud-init does there at the first boot.

The node's key lies in a file that only root reads, and is handed to curl by that file: it is
neither on a command line nor in an environment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

FOLDER = "/etc/provisioner"
_HEADER = f"{FOLDER}/node-key.header"
_SCRIPT = f"{FOLDER}/boot-actions"

#: fetches, checks and unpacks; a second run does the same again
_TEXT = """#!/bin/sh
# Fetches the files and units of this machine's boot actions, and starts the units.
set -eu
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() {{
    curl --fail --silent --show-error --location --retry 12 --retry-delay 5 --retry-connrefused \\
        --header @{header} --dump-header "$work/$1.headers" --output "$work/$1.tar.gz" \\
        "{url}/$1"
    sum=$(tr -d '\\r' < "$work/$1.headers" | awk 'tolower($1) == "x-content-sha256:" {{print $2}}')
    echo "$sum  $work/$1.tar.gz" | sha256sum --check --quiet -
    tar --extract --gzip --absolute-names --file "$work/$1.tar.gz"
}}
fetch files
fetch units
systemctl daemon-reload
tar --list --gzip --absolute-names --file "$work/units.tar.gz" | while read -r unit; do
    systemctl enable "$(basename "$unit")"
    systemctl start --no-block "$(basename "$unit")"
done
"""


def build(url: str | None, key: str, packages: Mapping[str, str | None],
          authorized_keys: Sequence[str] = ()) -> str:
    """The ``#cloud-config`` text.

    :param url: base of the node's boot actions, ``.../bootactions/nodes/<name>``; None if it has
        none to fetch
    :param key: the node's, hexadecimal
    :param packages: package to version, or None for any
    """
    config: dict[str, Any] = {"write_files": [
        {"path": _HEADER, "permissions": "0600", "owner": "root:root",
         "content": f"X-Bootaction-Key: {key}\n"}]}
    if url is not None:
        config["write_files"].append(
            {"path": _SCRIPT, "permissions": "0700", "owner": "root:root",
             "content": _TEXT.format(header=_HEADER, url=url)})
        config["runcmd"] = [[_SCRIPT]]
    if packages:
        config["packages"] = [name if version is None else [name, version]
                              for name, version in packages.items()]
    if authorized_keys:
        config["ssh_authorized_keys"] = list(authorized_keys)
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False)
