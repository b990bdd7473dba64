"""Secrets: sealed wherever they rest, opened only where hardware is spoken to.

A sealed value is ``{"$sealed": "<fernet token>"}`` in place of the plain one, inside the JSON of
``driver_info`` or in a text column. The API seals at its edge; rows, RPC messages, logs and events
carry only sealed values; a conductor opens them when it builds a channel.

The key file has one Fernet key a line, the first one seals, all of them open. The fingerprints of
the keys in use are in the database: a process that lacks one refuses to start and says which.
"""

import base64
import hashlib
import os
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from provisioner import exceptions

SEALED = "$sealed"
MASK = "******"
_SECRET_NAME = re.compile(r"password|passwd|secret|token|credential|private_?key|hex_kg_key|"
                          r"snmp_(auth|priv)_key|(^|_)key$|configdrive|image_url", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a key of that name is treated as a secret wherever it appears."""
    return bool(_SECRET_NAME.search(name))


def is_sealed(value: Any) -> bool:
    return (isinstance(value, Mapping) and set(value) == {SEALED}
            and isinstance(value[SEALED], str))


def mask(value: Any, names: Iterable[str] = ()) -> Any:
    """A copy in which sealed values, and values of keys that name a secret, are ``******``.

    :param names: further keys that are secret
    """
    also = frozenset(names)
    if is_sealed(value):
        return MASK
    if isinstance(value, Mapping):
        return {key: MASK if (is_secret_name(key) or key in also) and item not in (None, "", {})
                else mask(item, also) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item, also) for item in value]
    return value


class Box:
    """Seals and opens with the keys of one key file.

    :param keys: Fernet keys, the first one seals
    """

    def __init__(self, keys: Iterable[bytes]):
        self._keys = [key.strip() for key in keys if key.strip()]
        if not self._keys:
            raise exceptions.Misconfigured("The key file has no key.",
                                           remedy="Run provisioner-dbsync create_key.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in self._keys])
        except ValueError:
            raise exceptions.Misconfigured(
                "The key file has a line that is not a Fernet key.",
                remedy="Each line is 32 bytes in URL-safe base64.") from None

    def fingerprints(self) -> list[str]:
        """SHA-256 fingerprints of the keys (16 hexadecimal digits), the sealing one first."""
        return [hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:16]
                for key in self._keys]

    def sealing(self) -> "Box":
        """A box of the sealing key alone, to tell what other keys have sealed."""
        return Box(self._keys[:1])

    def seal_text(self, plain: str) -> str:
        return self._fernet.encrypt(plain.encode()).decode()

    def open_text(self, sealed: str) -> str:
        """:raises Misconfigured: if no key opens it"""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise exceptions.Misconfigured(
                "A secret was sealed with a key that this process does not have.",
                remedy="Add the missing key to the key file.") from None

    def seal(self, value: Any, names: Iterable[str] = ()) -> Any:
        """A copy in which every secret (by its key's name, or in ``names``) is sealed.

        What is sealed already stays as it is.
        """
        also = frozenset(names)
        if is_sealed(value):
            return value
        if isinstance(value, Mapping):
            return {key: self._seal_one(item) if is_secret_name(key) or key in also
                    else self.seal(item, also) for key, item in value.items()}
        if isinstance(value, list):
            return [self.seal(item, also) for item in value]
        return value

    def _seal_one(self, value: Any) -> Any:
        if value in (None, "") or is_sealed(value):
            return value
        if not isinstance(value, str):
            raise exceptions.Invalid("A secret must be a text.",
                                     remedy="Put the value in quotes.")
        return {SEALED: self.seal_text(value)}

    def open(self, value: Any) -> Any:
        """A copy in which every sealed value is plain. :raises Misconfigured:"""
        if is_sealed(value):
            return self.open_text(value[SEALED])
        if isinstance(value, Mapping):
            return {key: self.open(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.open(item) for item in value]
        return value

    def reseal(self, value: Any) -> Any:
        """A copy in which every sealed value is sealed with the first key.

        :raises Misconfigured: if no key opens one
        """
        if is_sealed(value):
            return {SEALED: self.seal_text(self.open_text(value[SEALED]))}
        if isinstance(value, Mapping):
            return {key: self.reseal(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.reseal(item) for item in value]
        return value


def new_key() -> bytes:
    return Fernet.generate_key()


def read_box(path: str) -> Box:
    """The box of a key file.

    :raises Misconfigured: if it is missing, empty, or readable by others
    """
    file = pathlib.Path(path)
    try:
        mode = file.stat().st_mode
        text = file.read_bytes()
    except OSError as error:
        raise exceptions.Misconfigured(
            f"The key file {path} cannot be read: {error.strerror}.",
            remedy="Run provisioner-dbsync create_key, or set [secrets] key_file.") from error
    if mode & 0o077:
        raise exceptions.Misconfigured(f"The key file {path} is readable by others.",
                                       remedy=f"chmod 0600 {path}")
    return Box(text.splitlines())


def add_key(path: str, *, seals: bool = True) -> str:
    """Put a new key in the key file, which is made if absent (mode 0600).

    :param seals: first, so that it seals; else last, so that it only opens
    :returns: its fingerprint
    """
    file = pathlib.Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    key, old = new_key(), _key_lines(file) if file.exists() else []
    _write_keys(file, [key, *old] if seals else [*old, key])
    return Box([key]).fingerprints()[0]


def promote_key(path: str, fingerprint: str) -> None:
    """Put the key of that fingerprint first in the key file.

    :raises Misconfigured: if the file lacks it
    """
    file = pathlib.Path(path)
    lines = _key_lines(file)
    held = Box(lines).fingerprints()
    if fingerprint not in held:
        raise exceptions.Misconfigured(f"The key file {path} lacks the key {fingerprint}.",
                                       remedy="Copy the key file from a host whose services run.")
    chosen = lines.pop(held.index(fingerprint))
    _write_keys(file, [chosen, *lines])


def _key_lines(file: pathlib.Path) -> list[bytes]:
    return [line.strip() for line in file.read_bytes().splitlines() if line.strip()]


def _write_keys(file: pathlib.Path, lines: list[bytes]) -> None:
    """Replace the key file, owner kept, on disk before this returns: a lost key loses secrets."""
    temporary = file.with_name(file.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        if file.exists() and os.geteuid() == 0:
            os.fchown(descriptor, file.stat().st_uid, file.stat().st_gid)
        out.write(b"".join(line + b"\n" for line in lines))
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
