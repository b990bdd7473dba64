"""Reading YAML: values, positions, limits."""

import pytest

from provisioner.site import yamltree


def one(text: str):
    roots, trouble = yamltree.read(text.encode())
    assert trouble is None
    return roots[0]


@pytest.mark.parametrize(("text", "value"), [
    ("5", 5), ("-7", -7), ("010", 8), ("0x1F", 31), ("0b11", 3), ("1_000", 1000),
    ("1.5", 1.5), ("true", True), ("No", False), ("~", None), ("", None), ("'5'", "5"),
    ("!!str 5", "5"), ("!!int '5'", 5), ("a b", "a b"), ("[1, a]", [1, "a"]),
    ("2017-02-17", "2017-02-17"), ("52:54:00:12:34:56", "52:54:00:12:34:56"),
    ("12:30:45", "12:30:45"), ("9" * 50, "9" * 50), ("0b_", "0b_"), ("-.inf", float("-inf")),
])
def test_scalars(text, value):
    assert one(f"key: {text}").value == {"key": value}


def test_merge_keys_do_not_override():
    root = one("base: &b {a: 1, b: 2}\nuse: {<<: *b, b: 3}\nmany: {<<: [*b, {c: 4}]}\n")
    assert root.value["use"] == {"a": 1, "b": 3}
    assert root.value["many"] == {"a": 1, "b": 2, "c": 4}


def test_a_quoted_merge_sign_is_a_plain_key():
    assert one("'<<': 1").value == {"<<": 1}
    assert one("[<<]").value == ["<<"]


def test_positions_of_keys_and_values():
    root = one("a:\n  bc: 1\n  d: [x, yy]\n")
    inner = root.position.children["a"]
    assert (inner.key_line, inner.key_column) == (1, 1)
    number = inner.children["bc"]
    assert (number.line, number.column, number.key_line, number.key_column) == (2, 7, 2, 3)
    second = inner.children["d"].children[1]
    assert (second.line, second.column) == (3, 10)


def test_repeated_keys_are_odd_and_the_last_counts():
    root = one("a: 1\na: 2\n")
    assert root.value == {"a": 2}
    assert [(odd.line, odd.severity) for odd in root.oddities] == [(2, "warning")]


def test_keys_that_are_not_text_are_odd():
    root = one("1: a\n{x: y}: b\ntrue: c\n")
    assert set(root.value) == {"1", "a collection", "true"}
    assert [odd.severity for odd in root.oddities] == ["error"] * 3


@pytest.mark.parametrize("text", [
    "a: [", "a: 'x", "\t- a", "a: *nowhere", "&a [*a]", "a: !!python/object:os.system x",
    "a: !thing {b: 1}", "%YAML 9.9\n---\n", "a: \x00", "<<: 5", "<<: [a]",
    "[" * (yamltree.MAX_DEPTH + 1), "{a: " * (yamltree.MAX_DEPTH + 1), "a: b: c",
])
def test_trouble_has_a_place(text):
    _, trouble = yamltree.read(text.encode())
    assert trouble is not None
    assert trouble.line >= 1
    assert trouble.column >= 1
    assert trouble.message


def test_bytes_that_are_not_utf8():
    roots, trouble = yamltree.read(b"a: \xff\xfe\xfa")
    assert roots == []
    assert trouble is not None


def test_depth_at_the_limit():
    deep = yamltree.MAX_DEPTH
    assert yamltree.read(("[" * deep + "]" * deep).encode())[1] is None


def test_documents_before_the_trouble_are_kept():
    roots, trouble = yamltree.read(b"a: 1\n---\nb: 2\n---\nc: [\n")
    assert [root.value for root in roots] == [{"a": 1}, {"b": 2}]
    assert trouble.line == 6


def test_aliases_that_multiply_are_refused():
    lines = ["a0: &a0 [" + ", ".join(["x"] * 9) + "]"]
    for level in range(1, 10):
        lines.append(f"a{level}: &a{level} [" + ", ".join([f"*a{level - 1}"] * 9) + "]")
    _, trouble = yamltree.read("\n".join(lines).encode())
    assert "values" in trouble.message


def test_number_of_aliases_is_limited(monkeypatch):
    monkeypatch.setattr(yamltree, "MAX_ALIASES", 3)
    assert yamltree.read(b"[&a 1, *a, *a, *a]")[1] is None
    assert "aliases" in yamltree.read(b"[&a 1, *a, *a, *a, *a]")[1].message


def test_number_of_documents_is_limited(monkeypatch):
    monkeypatch.setattr(yamltree, "MAX_DOCUMENTS", 2)
    assert yamltree.read(b"a\n---\nb\n")[1] is None
    assert "documents" in yamltree.read(b"a\n---\nb\n---\nc\n")[1].message


def test_size_is_limited(monkeypatch):
    monkeypatch.setattr(yamltree, "MAX_BYTES", 4)
    assert yamltree.read(b"a: 1")[1] is None
    assert "bytes" in yamltree.read(b"a: 12")[1].message
