"""Keeps a file secret at rest: AES-256-GCM under a key that only the environment knows.

A file is sealed in segments, each with its own nonce and tag, as in STREAM (Hoang et al. 2015): changed, cut,
reordered or lengthened files are refused, and the cipher's limit of 2 GiB binds a segment only. The key comes
from a passphrase by scrypt (RFC 7914) with a salt of the file's own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

__all__ = ["KEY_VARIABLE", "MAGIC", "WrongKeyError", "decrypt", "encrypt", "read_key"]

KEY_VARIABLE = "BEVFUSION_ENCRYPTION_KEY"
"""Name of the environment variable that holds the passphrase."""

MAGIC = b"BEVFENC1"
"""First bytes of every sealed file."""

_SALT_BYTES = 16
_PREFIX_BYTES = 7  # with four bytes of counter and one that marks the end: the twelve of a nonce
_TAG_BYTES = 16
_SEGMENT_BYTES = 64 * 2**20


class WrongKeyError(Exception):
    """The passphrase is not the one that sealed the data, or the data were changed since."""


def read_key(environment: Mapping[str, str] = os.environ) -> str | None:
    """The passphrase of this process, None when nothing is to be sealed."""
    return environment.get(KEY_VARIABLE) or None


def encrypt(data: bytes, passphrase: str, *, segment_bytes: int = _SEGMENT_BYTES) -> bytes:
    """Seal data.

    Args:
        data: of any length.
        passphrase: of any length.
        segment_bytes: plain bytes that share a tag.

    Returns:
        Magic, salt, nonce prefix, segments; larger than the data by 31 bytes and 16 for each segment.
    """
    salt, prefix = os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES)
    cipher = _cipher(passphrase, salt)
    starts = range(0, max(len(data), 1), segment_bytes)
    view = memoryview(data)
    segments = [
        cipher.encrypt(
            _nonce(prefix, index, is_last=index == len(starts) - 1), view[start:][:segment_bytes], MAGIC
        )
        for index, start in enumerate(starts)
    ]
    return b"".join([MAGIC, salt, prefix, *segments])


def decrypt(sealed: bytes, passphrase: str, *, segment_bytes: int = _SEGMENT_BYTES) -> bytes:
    """Undo `encrypt`.

    Raises:
        WrongKeyError: another passphrase, or not what was sealed.
    """
    salt_end = len(MAGIC) + _SALT_BYTES
    body = salt_end + _PREFIX_BYTES
    salt, prefix = sealed[len(MAGIC) : salt_end], sealed[salt_end:body]
    cipher = _cipher(passphrase, salt)
    stride = segment_bytes + _TAG_BYTES
    starts = range(body, max(len(sealed), body + 1), stride)
    view = memoryview(sealed)
    try:
        return b"".join(
            cipher.decrypt(
                _nonce(prefix, index, is_last=index == len(starts) - 1), view[start:][:stride], MAGIC
            )
            for index, start in enumerate(starts)
        )
    except (InvalidTag, ValueError) as error:
        raise WrongKeyError("the key does not open the file, or the file was changed") from error


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode()))


def _nonce(prefix: bytes, index: int, *, is_last: bool) -> bytes:
    return prefix + index.to_bytes(4, "big") + bytes([is_last])
