"""Damage done to valid files: values and keys of a document, its text as YAML or JSON, and plain bytes."""

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

__all__ = [
    "OPCODES",
    "PLAIN",
    "SCALARS",
    "as_json",
    "as_yaml",
    "damaged",
    "documents",
    "text_files",
    "warped",
]

NUMBERS = (0, -1, 2**31, 2**63, 2**64, 10**400, -(10**400), 1e308, -1e308, 5e-324, float("nan"), float("inf"))
WORDS = (
    "", " ", "9" * 5000, "../../etc/passwd", "/dev/zero", "=1+1", "\x00", "1e999", ".inf", "nan", "-",
    "٣", "¹", "x" * 300, "a\x85b\u2028c", "\ud800", "{config_path}", "(a+)+$", "[", "true", "no", "0o777",
    "2024-01-01", "a.b.c", "a[0]", "a[99999999999]", "depends_on", "> 0", "^ 2", "/ 1e-320", "max_epochs",
    "./", "*", "'",
)  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(WORDS) | st.integers()
    | st.floats() | st.text(max_size=8)
)  # fmt: skip
VALUES = SCALARS | st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.just("type"), inner, max_size=3)
    ),
    max_leaves=6,
)
DEEP = "@deep@"
"""Stands for a nesting that neither a Python value nor its writers could hold."""

TOKENS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\x85", "\u2028".encode(), "٣".encode(),
    b"\xed\xa0\x80", b"1e999", b"nan", b"-inf", b"9" * 5000, b"[" * 3000, b"{" * 3000, b'{"a":' * 3000,
    b"- " * 2000, b"? " * 2000, b"&a ", b"*a", b"<<: *a\n", b"!!", b"!!bool ", b"!!int ", b"!!float ",
    b"!!timestamp ", b"!!binary ", b"!!set ", b"!!omap ", b"!!null ", b"!!str ",
    b"!!python/object/apply:os.system ", b"---\n", b"...\n", b"%YAML 9.9\n", b"\t", b": ", b"|\n", b">-9\n",
    b'"\\ud800"', b"'", b'"', b"#", b"\n", b"\n\n", b" ", b"0", b"-", b".",
)  # fmt: skip
OPCODES = (
    b"r\xff\xff\xff\x7f", b"r\xff\xff\xff\x01", b"\x94" * 40, b"cos\nsystem\n", b"\x93", b"R", b"b",
    b"\x81", b"\x82\x01", b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x8e\xff\xff\xff\x3f\x00\x00\x00\x00",
    b"X\xff\xff\xff\x7f", b"B\xff\xff\xff\x7f", b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x96\xff\xff\xff\x7f\x00\x00\x00\x00", b"(" * 99, b"]" + b"]a" * 500, b"\x8b\xff\xff\xff\x7f",
    b"I99\n", b"V\\ud800\n", b"P0\n", b"Q", b"\x97", b"\x98", b"0", b"2", b".", b"t", b"u", b"s", b"e",
    b"l", b"d", b"\x85", b"\x8f\x90", b"\x91", b"p-1\n", b"g9\n", b"h\x09", b"i__main__\nx\n",
)  # fmt: skip
PLAIN = VALUES | st.sampled_from(
    (b"bytes", (1, 2), {1, 2}, 1 + 2j, frozenset(), bytearray(3), 10**9000, [[1], [1, 2]])
)
_MOST_BYTES = 100_000
_TAGS = re.findall(r"!!\w+", b" ".join(TOKENS).decode("utf-8", "replace"))
_VALUE = re.compile(rb"(?<=: )(?=\S)")


def as_json(value: Any) -> bytes:
    text = json.dumps(value, default=str)
    return _deepened(text, f'"{DEEP}"', "[" * 5000 + "]" * 5000).encode("utf-8", "surrogatepass")


def as_yaml(value: Any) -> bytes:
    text = yaml.safe_dump(json.loads(json.dumps(value, default=str)), sort_keys=False)
    return _deepened(text, f"'{DEEP}'", "[" * 5000 + "]" * 5000).encode("utf-8", "surrogatepass")


def _deepened(text: str, mark: str, nesting: str) -> str:
    return text.replace(mark, nesting)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        found += _places(item, (*path, key))
    return found


def _at(document: Any, path: Sequence[Any]) -> Any:
    for step in path:
        document = document[step]
    return document


def _own(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    """A value of its own: what is sampled is one object for all draws, and could end up inside itself."""
    return copy.deepcopy(draw(values))


@st.composite
def warped(draw: st.DrawFn, document: Any, values: st.SearchStrategy[Any] = VALUES) -> Any:
    """The document with other values, keys renamed, moved, removed or given an unknown neighbour."""
    changed = {"": copy.deepcopy(document)}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(changed)[1:]))
        parent, key = _at(changed, path[:-1]), path[-1]
        match draw(
            st.sampled_from(("value", "value", "value", "rename", "remove", "move", "wrap", "add", "deep"))
        ):
            case "value":
                parent[key] = _own(draw, values)
            case "rename" if isinstance(parent, dict) and len(path) > 1:
                parent[draw(st.sampled_from(WORDS) | st.text(max_size=6))] = parent.pop(key)
            case "remove" if len(path) > 1:
                del parent[key]
            case "move":
                parent[key] = copy.deepcopy(_at(changed, draw(st.sampled_from(_places(changed)))))
            case "wrap":
                parent[key] = draw(
                    st.sampled_from(([parent[key]], {str(key): parent[key]}, [parent[key]] * 40))
                )
            case "add" if isinstance(parent[key], dict):
                parent[key][draw(st.sampled_from(WORDS) | st.text(max_size=6))] = _own(draw, values)
            case _:
                parent[key] = DEEP
    return changed[""]


@st.composite
def damaged(draw: st.DrawFn, data: bytes, tokens: Sequence[bytes] = TOKENS) -> bytes:
    """The bytes with some flipped, cut out, said twice, or others put between them."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        match draw(st.sampled_from(("replace", "token", "token", "flip", "cut", "remove", "repeat"))):
            case "replace":
                data = data[:start] + draw(st.binary(max_size=12)) + data[end:]
            case "token":
                data = data[:start] + draw(st.sampled_from(tokens)) + data[start:]
            case "flip" if start < len(data):
                data = data[:start] + bytes([data[start] ^ 1 << draw(st.integers(0, 7))]) + data[start + 1 :]
            case "cut":
                data = data[:start]
            case "remove":
                data = data[:start] + data[end:]
            case _:
                data = data[:end] + data[start:end] * draw(st.sampled_from((1, 2, 50))) + data[end:]
    return data


@st.composite
def tagged(draw: st.DrawFn, text: bytes) -> bytes:
    """YAML with tags, anchors and aliases where its values begin; an alias may stand inside its anchor."""
    for _ in range(draw(st.integers(1, 3))):
        spots = [match.start() for match in _VALUE.finditer(text)] or [0]
        spot = draw(st.sampled_from(spots))
        mark = draw(st.sampled_from((*_TAGS, "&a", "&b", "*a #", "*b #", "<<: *a #", "!", "!x"))).encode()
        text = text[:spot] + mark + b" " + text[spot:]
    return text


def documents(document: Any, write: Callable[[Any], bytes]) -> st.SearchStrategy[bytes]:
    """Files made from a document: other values, or the writing itself damaged; sometimes out of nothing."""
    sound = write(document)
    written = warped(document).map(write)
    kinds = [written, written, damaged(sound), st.binary(max_size=80)]
    if write is as_yaml:
        kinds += [tagged(sound), written.flatmap(tagged)]
    return st.one_of(kinds).filter(lambda data: len(data) <= _MOST_BYTES)


def text_files(text: str) -> st.SearchStrategy[bytes]:
    """Files of words in lines: a word replaced, or the bytes damaged."""
    words = re.split(r"(\s+)", text)

    @st.composite
    def reworded(draw: st.DrawFn) -> bytes:
        changed = list(words)
        for _ in range(draw(st.integers(1, 3))):
            place = draw(st.integers(0, len(changed) - 1))
            changed[place] = str(draw(SCALARS))
        return "".join(changed).encode("utf-8", "surrogatepass")

    return st.one_of(reworded(), reworded(), damaged(text.encode()), st.binary(max_size=80))
