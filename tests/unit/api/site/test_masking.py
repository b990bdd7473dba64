"""Secrets in documents shown as text."""

import pytest

from provisioner_api.site.masking import mask

SECRET = "hunter2"


@pytest.mark.parametrize("text", [
    "credential: hunter2", "  - password: hunter2", "\"token\": 'hunter2'",
    "oob: {account: admin, credential: hunter2}", "oob: {\"password\": \"a, hunter2\", x: 1}",
    "password: |\n  hunter2\n\n  hunter2\nnext: 1", "password:\n  hunter2",
    "password: \"a\n  hunter2\"", "a:\n  private_key: >-\n    hunter2\n  b: 1",
    "é: ü\nñ: {passwd: ßhunter2, token: [x, {a: hunter2}]}", "? password\n: hunter2",
    "a: &x hunter2\npassword: *x", "!foreign\npassword: !tag hunter2",
    "schema: deckhand/Passphrase/v1\ndata: hunter2",
    "---\nschema: deckhand/CertificateKey/v1\ndata: |\n  hunter2\n---\nother: 1",
])
def test_secret_is_not_shown_and_lines_stay(text):
    masked = mask(text)
    assert SECRET not in masked
    assert "******" in masked
    assert masked.count("\n") == text.count("\n")


@pytest.mark.parametrize("text", [
    "oob:\n  account: admin\n  network: oob", "schema: drydock/Network/v1\ndata:\n  cidr: x",
    "---\na: 1\n---\nb: {c: 2}\n", ""])
def test_everything_else_stays(text):
    assert mask(text) == text


def test_what_is_no_yaml_is_not_shown():
    assert SECRET not in mask("a: [\npassword: hunter2")


def test_what_follows_a_secret_stays():
    assert mask("a:\n  password: |\n    x\n  b: 1\nc: 2").endswith("\n  b: 1\nc: 2")
