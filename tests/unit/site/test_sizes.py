"""Size strings."""

import pytest

from provisioner.site.sizes import Size, parse


@pytest.mark.parametrize(("text", "expected"), [
    ("20g", 20 * 10**9), ("20G", 20 * 10**9), ("20gb", 20 * 10**9), ("20Gb", 20 * 10**9),
    ("5m", 5 * 10**6), ("5MB", 5 * 10**6), ("2t", 2 * 10**12), ("2TB", 2 * 10**12),
    ("20gi", 20 * 2**30), ("20GiB", 20 * 2**30), ("5Mi", 5 * 2**20), ("1tib", 2**40),
    ("-5g", -5 * 10**9), ("0m", 0)])
def test_bytes(text, expected):
    assert parse(text) == Size(False, expected, None)
    assert parse(">" + text) == Size(True, expected, None)


@pytest.mark.parametrize(("text", "expected"), [("50%", 50), ("100%", 100), ("-1%", -1)])
def test_percent(text, expected):
    assert parse(text) == Size(False, None, expected)
    assert parse("> " + text) == Size(True, None, expected)


@pytest.mark.parametrize("text", [
    None, "", "20", "g", "20x", "20kb", "2.5g", "20 g b", "20g%", "<20g", "1" * 30 + "g"])
def test_not_sizes(text):
    assert parse(text) is None


def test_negative():
    assert parse("-1%").negative
    assert parse("-1g").negative
    assert not parse("0%").negative
