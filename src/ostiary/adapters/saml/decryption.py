"""Decrypting assertions and NameIDs with our own keys: RSA-OAEP and AES-GCM (XML encryption 1.1).

AES-CBC lets who changes a ciphertext learn the plaintext from the answers. So it is decrypted only where a signature
that was verified before covers the ciphertext, and only for a connection that allows it. Every failure of a key, a tag
or a length gives the same answer, so that nothing can be learned by trying.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ostiary.adapters.saml.values import child_of, text_of
from ostiary.adapters.saml.xml import DSIG, XENC, XENC11, Element, local_name, tag_of
from ostiary.domain.assertion import Reason, ResponseRefused
from ostiary.services.saml_ports import SpKeyPair

AES_GCM_BYTES = {f"{XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
AES_CBC_BYTES = {f"{XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
RSA_OAEP_MGF1P = f"{XENC}rsa-oaep-mgf1p"
RSA_OAEP = f"{XENC11}rsa-oaep"

_ENCRYPTED_DATA = f"{{{XENC}}}EncryptedData"
_ENCRYPTED_KEY = f"{{{XENC}}}EncryptedKey"
_NONCE_BYTES = 12
_BLOCK_BYTES = 16
_MAX_ENCRYPTED_KEYS = 4
# SHA-1 is weak for signatures, not inside OAEP, where it is the default that everybody sends.
_OAEP_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    f"{DSIG}sha1": hashes.SHA1,
    f"{XENC}sha256": hashes.SHA256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384,
    f"{XENC}sha512": hashes.SHA512,
}
_MGF_DIGESTS: dict[str, type[hashes.HashAlgorithm]] = {
    f"{XENC11}mgf1sha1": hashes.SHA1,
    f"{XENC11}mgf1sha256": hashes.SHA256,
    f"{XENC11}mgf1sha384": hashes.SHA384,
    f"{XENC11}mgf1sha512": hashes.SHA512,
}


def decrypt(encrypted: Element, keys: Iterable[SpKeyPair], *, allow_cbc: bool) -> bytes:
    """The plaintext of an EncryptedAssertion or EncryptedID; raises `ResponseRefused`.

    The algorithms are compared with the list of those allowed before anything is decrypted. `allow_cbc` only where a
    verified signature covers the element.
    """
    data = encrypted[0] if len(encrypted) else encrypted
    beside = encrypted[1:]
    if data.tag != _ENCRYPTED_DATA or any(element.tag != _ENCRYPTED_KEY for element in beside):
        raise ResponseRefused(Reason.STRUCTURE, f"The {local_name(encrypted)} is not one EncryptedData with its keys.")
    method = _algorithm(data)
    key_bytes = AES_GCM_BYTES.get(method) or (AES_CBC_BYTES.get(method) if allow_cbc else None)
    if key_bytes is None:
        raise _not_allowed(method)
    open_content = _open_gcm if method in AES_GCM_BYTES else _open_cbc
    wrapped = _wrapped_keys(encrypted, data)
    content = _cipher_value(data)
    for content_key in _unwrapped_keys(wrapped, keys):
        if len(content_key) != key_bytes:
            continue
        try:
            return open_content(content_key, content)
        except (InvalidTag, ValueError):
            continue
    raise failed()


def _open_gcm(key: bytes, content: bytes) -> bytes:
    return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)


def _open_cbc(key: bytes, content: bytes) -> bytes:
    """XML encryption §5.2.1: the last byte says how many bytes of padding there are, whatever the others are."""
    decryptor = Cipher(AES(key), CBC(content[:_BLOCK_BYTES])).decryptor()
    padded = decryptor.update(content[_BLOCK_BYTES:]) + decryptor.finalize()
    if not padded or not 1 <= padded[-1] <= _BLOCK_BYTES:
        raise ValueError("no padding")
    return padded[: -padded[-1]]


def failed() -> ResponseRefused:
    """The one answer to everything that goes wrong in decryption."""
    return ResponseRefused(
        Reason.DECRYPTION,
        "The response cannot be decrypted. Give the identity provider this connection's current metadata, so that it "
        "encrypts for the right certificate.",
    )


def _wrapped_keys(encrypted: Element, data: Element) -> list[tuple[bytes, padding.OAEP]]:
    """The encrypted keys with their padding: inside the data's KeyInfo, or beside it (SAML core §6)."""
    elements = [
        *data.findall(f"{{{DSIG}}}KeyInfo/{_ENCRYPTED_KEY}"),
        *encrypted.findall(_ENCRYPTED_KEY),
    ]
    if not 1 <= len(elements) <= _MAX_ENCRYPTED_KEYS:
        raise ResponseRefused(Reason.STRUCTURE, f"The {local_name(encrypted)} has {len(elements)} encrypted keys.")
    return [(_cipher_value(element), _padding(element)) for element in elements]


def _unwrapped_keys(wrapped: list[tuple[bytes, padding.OAEP]], keys: Iterable[SpKeyPair]) -> Iterator[bytes]:
    for pair in keys:
        # The key is one we made; checking its primes again would take 36 ms.
        key = load_pem_private_key(pair.private_key_pem, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, RSAPrivateKey):
            continue
        for ciphertext, oaep in wrapped:
            try:
                yield key.decrypt(ciphertext, oaep)
            except ValueError:
                continue


def _padding(encrypted_key: Element) -> padding.OAEP:
    method = encrypted_key.find(f"{{{XENC}}}EncryptionMethod")
    algorithm = _algorithm(encrypted_key)
    if method is None or algorithm not in {RSA_OAEP_MGF1P, RSA_OAEP}:
        raise _not_allowed(algorithm)
    digest: type[hashes.HashAlgorithm] | None = hashes.SHA1
    mask: type[hashes.HashAlgorithm] | None = hashes.SHA1
    for parameter in method:
        name = parameter.get("Algorithm", "")
        if parameter.tag == f"{{{DSIG}}}DigestMethod":
            digest = _OAEP_DIGESTS.get(name)
        elif parameter.tag == f"{{{XENC11}}}MGF" and algorithm == RSA_OAEP:
            mask = _MGF_DIGESTS.get(name)
        else:
            raise _not_allowed(f"{algorithm} with {parameter.tag}")
        if digest is None or mask is None:
            raise _not_allowed(f"{algorithm} with {name}")
    return padding.OAEP(mgf=padding.MGF1(mask()), algorithm=digest(), label=None)


def _algorithm(element: Element) -> str:
    method = child_of(element, f"{{{XENC}}}EncryptionMethod")
    return "" if method is None else method.get("Algorithm", "")


def _cipher_value(element: Element) -> bytes:
    """The one ciphertext of the element: were there two, another reader might decrypt the other."""
    data = child_of(element, f"{{{XENC}}}CipherData")
    if data is None or [tag_of(child) for child in data] != [f"{{{XENC}}}CipherValue"]:
        raise ResponseRefused(Reason.STRUCTURE, f"The {local_name(element)} does not hold exactly one CipherValue.")
    try:
        return base64.b64decode("".join((text_of(data[0]) or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise failed() from None


def _not_allowed(algorithm: str) -> ResponseRefused:
    mend = "Encrypt with AES-GCM and RSA-OAEP."
    if algorithm in AES_CBC_BYTES:
        mend = (
            "Encrypt with AES-GCM. If the identity provider cannot, let it sign the whole response, and allow AES-CBC "
            "on this connection."
        )
    return ResponseRefused(Reason.ALGORITHM, f"The encryption method {algorithm!r} is not allowed. {mend}")
