"""Sealing of stored secrets that must be used again: AES-256-GCM, one key for each purpose.

A sealed value is `version (1 byte) | nonce (12) | ciphertext | tag (16)`. The keys are derived from the secret key by
HKDF-SHA256 (RFC 5869), so that one purpose's values neither open nor wear out the key of another's.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class AesGcmSealer:
    """Seals and opens under a secret key; whoever changes the key loses what was sealed with the old one."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key.encode()
        self._ciphers: dict[str, AESGCM] = {}

    def seal(self, plaintext: bytes, *, purpose: str) -> bytes:
        """The sealed bytes, different each time."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher(purpose).encrypt(nonce, plaintext, _bound_to(purpose))

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes:
        """The plaintext; raises ValueError for bytes not sealed under this secret key for this purpose."""
        nonce = sealed[1 : 1 + _NONCE_BYTES]
        if sealed[:1] != _VERSION or len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise ValueError(f"These are not sealed bytes: {purpose} cannot be opened.")
        try:
            return self._cipher(purpose).decrypt(nonce, sealed[1 + _NONCE_BYTES :], _bound_to(purpose))
        except InvalidTag:
            raise ValueError(f"Not sealed for {purpose} under the present OSTIARY_SECRET_KEY, or damaged.") from None

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            key = HKDF(SHA256(), 32, salt=None, info=b"ostiary sealing " + _bound_to(purpose)).derive(self._secret_key)
            cipher = self._ciphers[purpose] = AESGCM(key)
        return cipher


def _bound_to(purpose: str) -> bytes:
    """What is authenticated along with the ciphertext: an old version's or other purpose's bytes do not open."""
    return _VERSION + purpose.encode()
