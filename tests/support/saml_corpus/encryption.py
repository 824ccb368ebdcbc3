"""Ciphertext that is not to be decrypted, or not to be believed."""

from collections.abc import Callable

from lxml import etree

from ostiary.domain.assertion import Reason
from tests.support.saml_corpus.case import Case, encrypted, encrypted_and_signed
from tests.support.saml_factory import (
    XENC,
    XENC11,
    Element,
    Encrypting,
    Signing,
    assertion_in,
    attacker,
    encrypt,
    encrypt_name_id,
    one,
    party,
    response,
    sign,
    signed_response,
    twin,
)

DATA = "saml:EncryptedAssertion/xenc:EncryptedData"
KEY = f"{DATA}/ds:KeyInfo/xenc:EncryptedKey"


def broken(change: Callable[[Element], object]) -> Callable[[], Element]:
    """An encrypted response, changed behind the identity provider's back."""

    def make() -> Element:
        root = encrypted()
        change(root)
        return root

    return make


def method(path: str, algorithm: str) -> Callable[[], Element]:
    return broken(lambda root: one(root, f"{path}/xenc:EncryptionMethod").set("Algorithm", algorithm))


def value(path: str, text: str) -> Callable[[], Element]:
    return broken(lambda root: setattr(one(root, f"{path}/xenc:CipherData/xenc:CipherValue"), "text", text))


def removing(path: str) -> Callable[[], Element]:
    def change(root: Element) -> None:
        found = one(root, path)
        found.getparent().remove(found)  # pyright: ignore[reportOptionalMemberAccess]

    return broken(change)


def doubling(path: str, times: int = 1) -> Callable[[], Element]:
    def change(root: Element) -> None:
        for _ in range(times):
            found = one(root, f"{path}[1]")
            found.addnext(twin(found))

    return broken(change)


def copying(path: str, where: str, name: str) -> Callable[[], Element]:
    """A piece of the ciphertext stands inside another one."""

    def change(root: Element) -> None:
        copied = twin(next(one(root, path).iter(f"{{{XENC}}}{name}")))
        one(root, f"{path}/{where}").insert(0, copied)

    return broken(change)


def for_somebody_else() -> Element:
    root = signed_response()
    encrypt(root, Encrypting(attacker()))
    return root


def nested() -> Element:
    """An EncryptedAssertion inside another one."""
    root = encrypted()
    wrapper = etree.Element("{urn:oasis:names:tc:SAML:2.0:assertion}EncryptedAssertion")
    inner = one(root, "saml:EncryptedAssertion")
    inner.addprevious(wrapper)
    wrapper.append(inner)
    return root


def exchanged_under_a_signature() -> Element:
    root = encrypted_and_signed()
    other = encrypted()
    root.replace(one(root, "saml:EncryptedAssertion"), one(other, "saml:EncryptedAssertion"))
    return root


def another_subject() -> Element:
    """A signed assertion whose encrypted NameID was exchanged for one the attacker encrypted."""
    root = response()
    encrypt_name_id(assertion_in(root), Encrypting(party("sp")))
    sign(assertion_in(root))
    other = response()
    one(other, "saml:Assertion/saml:Subject/saml:NameID").text = "ada@acme.test"
    replacement = encrypt_name_id(assertion_in(other), Encrypting(party("sp")))
    subject = one(root, "saml:Assertion/saml:Subject")
    subject.replace(subject[0], replacement)
    return root


ENCRYPTED = [
    Case("anybody can encrypt: nothing inside is signed", lambda: encrypted(response()), Reason.SIGNATURE_MISSING),
    Case(
        "an attacker's signature inside",
        lambda: encrypted(signed_response(how=Signing(by=attacker()))),
        Reason.CERTIFICATE_UNKNOWN,
    ),
    Case("for somebody else", for_somebody_else, Reason.DECRYPTION),
    Case("exchanged under a signed response", exchanged_under_a_signature, Reason.SIGNATURE_INVALID),
    Case("another name id encrypted into a signed assertion", another_subject, Reason.SIGNATURE_INVALID),
    Case("encrypted twice", nested, Reason.STRUCTURE),
    Case(
        "plain where encryption is wanted",
        signed_response,
        Reason.STRUCTURE,
        settings={"want_assertions_encrypted": True},
    ),
    Case("genuine aes-cbc", lambda: encrypted(method=f"{XENC}aes256-cbc"), Reason.ALGORITHM),
    Case(
        "aes-cbc that no signature covers, where it is allowed",
        lambda: encrypted(method=f"{XENC}aes256-cbc"),
        Reason.ALGORITHM,
        settings={"allow_aes_cbc": True},
    ),
    Case(
        "triple des, even covered and allowed",
        lambda: encrypted_and_signed(method=f"{XENC}tripledes-cbc"),
        Reason.ALGORITHM,
        settings={"allow_aes_cbc": True},
    ),
    *(
        Case(f"the key transport {name!r}", method(KEY, name), Reason.ALGORITHM)
        for name in ("", f"{XENC}rsa-1_5", f"{XENC}kw-aes128", f"{XENC11}ECDH-ES")
    ),
    *(
        Case(f"the cipher {name!r}", method(DATA, name), Reason.ALGORITHM)
        for name in ("", f"{XENC}aes128-cbc", f"{XENC}tripledes-cbc", f"{XENC11}aes512-gcm")
    ),
    Case("another cipher of the list than the key is for", method(DATA, f"{XENC11}aes128-gcm"), Reason.DECRYPTION),
    Case("a changed ciphertext", value(DATA, "A" * 400), Reason.DECRYPTION),
    Case("a short ciphertext", value(DATA, "AAAA"), Reason.DECRYPTION),
    Case("an empty ciphertext", value(DATA, ""), Reason.DECRYPTION),
    Case("a ciphertext that is no base64", value(DATA, "?"), Reason.DECRYPTION),
    Case("a changed key", value(KEY, "A" * 344), Reason.DECRYPTION),
    Case("an empty key", value(KEY, ""), Reason.DECRYPTION),
    Case("no data", removing(DATA), Reason.STRUCTURE),
    Case("no key", removing(KEY), Reason.STRUCTURE),
    Case("two data", doubling(DATA), Reason.STRUCTURE),
    Case("more keys than a few", doubling(KEY, 4), Reason.STRUCTURE),
    *(
        Case(f"two {name} of the {what}", doubling(f"{path}/xenc:{name}"), Reason.STRUCTURE)
        for what, path in (("data", DATA), ("key", KEY))
        for name in ("CipherData", "CipherData/xenc:CipherValue", "EncryptionMethod")
    ),
    *(
        Case(f"{name} in {where.rpartition(':')[2]} of the {what}", copying(path, where, name), Reason.STRUCTURE)
        for what, path in (("data", DATA), ("key", KEY))
        for where in ("xenc:CipherData", "xenc:CipherData/xenc:CipherValue")
        for name in ("CipherData", "CipherValue")
    ),
    Case("no ciphertext", removing(f"{DATA}/xenc:CipherData/xenc:CipherValue"), Reason.STRUCTURE),
    Case("no method of the data", removing(f"{DATA}/xenc:EncryptionMethod"), Reason.ALGORITHM),
    Case("no method of the key", removing(f"{KEY}/xenc:EncryptionMethod"), Reason.ALGORITHM),
]
