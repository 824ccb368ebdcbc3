"""Signature wrapping: a genuine signed part is kept somewhere, and something else is put where it would be read."""

from collections.abc import Callable

from lxml import etree

from tests.support.saml_factory import (
    DSIG,
    SAML,
    SAMLP,
    Element,
    Encrypting,
    Said,
    assertion_in,
    assertion_xml,
    encrypt,
    one,
    party,
    response,
    signed_response,
    twin,
)

EVIL = Said(assertion_id="_evil", response_id="_evil_response", name_id="ada@acme.test")


def evil_assertion() -> Element:
    return etree.fromstring(assertion_xml(EVIL))


def without_signature(element: Element) -> Element:
    copied = twin(element)
    for signature in copied.findall(f"{{{DSIG}}}Signature"):
        copied.remove(signature)
    return copied


def signature_in(element: Element) -> Element:
    return one(element, "ds:Signature")


def ds_object(content: Element) -> Element:
    wrapper = etree.Element(f"{{{DSIG}}}Object")
    wrapper.append(content)
    return wrapper


def xsw1() -> Element:
    """The signed response moves into the signature of an evil one."""
    genuine = signed_response(what="response")
    evil = response(EVIL)
    signature = twin(signature_in(genuine))
    signature.append(without_signature(genuine))
    evil.insert(1, signature)
    return evil


def xsw2() -> Element:
    """The signed response stands before its signature, both inside an evil one."""
    genuine = signed_response(what="response")
    evil = response(EVIL)
    evil.insert(1, without_signature(genuine))
    evil.insert(2, twin(signature_in(genuine)))
    return evil


def xsw3() -> Element:
    """An evil assertion before the signed one."""
    root = signed_response()
    assertion_in(root).addprevious(evil_assertion())
    return root


def xsw4() -> Element:
    """The signed assertion inside an evil one."""
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    genuine.addprevious(evil)
    evil.append(genuine)
    return root


def xsw5() -> Element:
    """The signature moves into an evil assertion, the signed one stays without it."""
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    evil.insert(1, signature_in(genuine))
    genuine.addprevious(evil)
    return root


def xsw6() -> Element:
    """The signed assertion moves into its signature, which moves into an evil one."""
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    signature = twin(signature_in(genuine))
    signature.append(without_signature(genuine))
    evil.insert(1, signature)
    root.replace(genuine, evil)
    return root


def xsw7() -> Element:
    """An evil assertion with the same id in Extensions."""
    root = signed_response()
    evil = evil_assertion()
    evil.set("ID", "_assertion1")
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(evil)
    root.insert(1, extensions)
    return root


def xsw8() -> Element:
    """The signed assertion moves into an Object of its signature, which moves into an evil one."""
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    signature = twin(signature_in(genuine))
    signature.append(ds_object(without_signature(genuine)))
    evil.insert(1, signature)
    root.replace(genuine, evil)
    return root


def genuine_in_extensions() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    root.replace(genuine, evil_assertion())
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(genuine)
    root.insert(1, extensions)
    return root


def genuine_in_advice() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    root.replace(genuine, evil)
    advice = etree.Element(f"{{{SAML}}}Advice")
    advice.append(genuine)
    one(evil, "saml:Conditions").addnext(advice)
    return root


def genuine_in_the_object_of_a_response_signature() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    root.replace(genuine, evil_assertion())
    signature = twin(signature_in(genuine))
    signature.append(ds_object(genuine))
    root.insert(1, signature)
    return root


def genuine_in_status_detail() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    root.replace(genuine, evil_assertion())
    detail = etree.SubElement(one(root, "samlp:Status"), f"{{{SAMLP}}}StatusDetail")
    detail.append(genuine)
    return root


def genuine_in_an_attribute_value() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    root.replace(genuine, evil)
    one(evil, "saml:AttributeStatement/saml:Attribute[@Name='email']/saml:AttributeValue").append(genuine)
    return root


def genuine_in_key_info() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    evil = evil_assertion()
    root.replace(genuine, evil)
    signature = twin(signature_in(genuine))
    one(signature, "ds:KeyInfo").append(without_signature(genuine))
    evil.insert(1, signature)
    return root


def genuine_behind_an_encrypted_one() -> Element:
    """An attacker encrypts an assertion of their own for us, and keeps the signed one beside it."""
    root = signed_response()
    genuine = twin(assertion_in(root))
    root.replace(assertion_in(root), evil_assertion())
    encrypt(root, Encrypting(party("sp")))
    root.append(genuine)
    return root


def two_encrypted_ones() -> Element:
    root = signed_response()
    genuine = encrypt(root, Encrypting(party("sp")))
    other = response(EVIL)
    genuine.addprevious(encrypt(other, Encrypting(party("sp"))))
    return root


def genuine_beside_the_data_inside_an_encrypted_one() -> Element:
    root = signed_response()
    genuine = twin(assertion_in(root))
    root.replace(assertion_in(root), evil_assertion())
    encrypt(root, Encrypting(party("sp"))).append(genuine)
    return root


def genuine_plain_inside_an_encrypted_one() -> Element:
    root = signed_response()
    genuine = assertion_in(root)
    wrapper = etree.Element(f"{{{SAML}}}EncryptedAssertion")
    genuine.addprevious(wrapper)
    wrapper.append(genuine)
    return root


def assertion_of_another_namespace() -> Element:
    root = signed_response()
    root.append(etree.fromstring('<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion" ID="_old"/>'))
    return root


def response_in_an_envelope() -> Element:
    envelope = etree.Element("{http://schemas.xmlsoap.org/soap/envelope/}Envelope")
    envelope.append(signed_response())
    return envelope


def nested_response() -> Element:
    root = signed_response()
    outer = response(assertion="")
    outer.append(root)
    return outer


def evil_in_extensions() -> Element:
    """Without a signature of its own, and the signed one in its place: a careless reader takes the first it finds."""
    root = signed_response()
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(evil_assertion())
    root.insert(1, extensions)
    return root


def evil_in_status_detail() -> Element:
    root = signed_response()
    detail = etree.SubElement(one(root, "samlp:Status"), f"{{{SAMLP}}}StatusDetail")
    detail.append(evil_assertion())
    return root


def evil_encrypted_in_status_detail() -> Element:
    root = signed_response()
    detail = etree.SubElement(one(root, "samlp:Status"), f"{{{SAMLP}}}StatusDetail")
    detail.append(encrypt(response(EVIL), Encrypting(party("sp"))))
    return root


def evil_in_key_info() -> Element:
    root = signed_response()
    one(signature_in(assertion_in(root)), "ds:KeyInfo").append(evil_assertion())
    return root


def evil_signed_in_advice() -> Element:
    """Signed by the identity provider as a whole, and still nothing that one would send."""
    advice = f"<saml:Advice>{assertion_xml(EVIL)}</saml:Advice>"
    return signed_response(Said(advice=advice))


WRAPPINGS: list[Callable[[], Element]] = [
    xsw1,
    xsw2,
    xsw3,
    xsw4,
    xsw5,
    xsw6,
    xsw7,
    xsw8,
    genuine_in_extensions,
    genuine_in_advice,
    genuine_in_the_object_of_a_response_signature,
    genuine_in_status_detail,
    genuine_in_an_attribute_value,
    genuine_in_key_info,
    genuine_behind_an_encrypted_one,
    two_encrypted_ones,
    genuine_beside_the_data_inside_an_encrypted_one,
    genuine_plain_inside_an_encrypted_one,
    evil_in_extensions,
    evil_in_status_detail,
    evil_encrypted_in_status_detail,
    evil_in_key_info,
    evil_signed_in_advice,
    assertion_of_another_namespace,
    response_in_an_envelope,
    nested_response,
]
