"""Documents in a shape no identity provider sends: two parsers might read two different things in them."""

import base64
import zlib
from collections.abc import Mapping

from lxml import etree

from ostiary.adapters.saml.guard import MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_ELEMENTS
from ostiary.domain.assertion import Reason
from tests.support.saml_corpus.case import Case, changed, rewritten
from tests.support.saml_factory import (
    SAML,
    SAMLP,
    Element,
    Said,
    assertion_in,
    one,
    response_xml,
    sign,
    signed_response,
    to_bytes,
)

DECLARATION = b"<?xml version='1.0' encoding='utf-8'?>\n"


def genuine() -> bytes:
    return to_bytes(signed_response())


def inside_name_id(insertion: str) -> bytes:
    """A genuine response into whose NameID something was put."""
    return genuine().replace(b">bo@acme.test</saml:NameID>", f">bo@acme{insertion}.test</saml:NameID>".encode())


def behind_declaration(insertion: bytes) -> bytes:
    return genuine().replace(DECLARATION, DECLARATION + insertion)


def signed_comment(name: str, text: str) -> Case:
    """Signed with a comment inside: canonicalization leaves comments out, so they can be added at will."""

    def make() -> Element:
        root = etree.fromstring(response_xml(Said()).replace("bo@acme.test<", f"{text}<", 1))
        sign(assertion_in(root))
        return root

    return Case(name, make, Reason.FORBIDDEN_XML)


def table(reason: Reason, documents: Mapping[str, bytes]) -> list[Case]:
    return [Case(name, lambda made=made: made, reason) for name, made in documents.items()]


MALFORMED = table(
    Reason.MALFORMED,
    {
        "truncated": genuine()[:-1],
        "not xml": b"SAMLResponse",
        "empty": b"",
        "two roots": genuine() + b"<x/>",
        "text behind the root": genuine() + b"x",
        "a null": genuine().replace(b"bo@acme", b"bo\x00@acme"),
        "latin-1": genuine().replace(b"bo@acme", b"b\xf6@acme"),
        "overlong utf-8": genuine().replace(b"bo@acme", b"b\xc0\xaf@acme"),
        "a surrogate in utf-8": genuine().replace(b"bo@acme", b"b\xed\xa0\x80@acme"),
        "utf-16 with mark": genuine().decode().encode("utf-16"),
        "utf-16 without mark": genuine().decode().encode("utf-16-le"),
        "utf-32": genuine().decode().encode("utf-32"),
        "undeclared prefix": genuine().replace(b"<saml:Subject>", b"<evil:Subject>"),
        "undefined entity": inside_name_id("&evil;"),
        "attribute twice": genuine().replace(b'ID="_assertion1"', b'ID="_assertion1" ID="_evil"'),
        "attribute twice under two prefixes": genuine().replace(
            b"<saml:Subject>", b'<saml:Subject xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2">'
        ),
        "an unquoted attribute": genuine().replace(b'ID="_assertion1"', b"ID=_assertion1"),
        "control character": inside_name_id("\x01"),
        "reference to a control character": inside_name_id("&#1;"),
        "reference beyond unicode": inside_name_id("&#x110000;"),
        "tags that cross": genuine().replace(b"</saml:NameID>", b"</saml:Subject></saml:NameID>"),
        "an end tag in other letters": genuine().replace(b"</saml:NameID>", b"</saml:nameid>"),
        "deflated as in a redirect": zlib.compress(genuine())[2:-4],
        "encoded twice": base64.b64encode(genuine()),
        "the xml prefix bound to something else": genuine().replace(
            b"<saml:Subject>", b'<saml:Subject xmlns:xml="urn:evil">'
        ),
    },
)

FORBIDDEN_BYTES = table(
    Reason.FORBIDDEN_XML,
    {
        "comment in the name id": inside_name_id("<!-- -->"),
        "comment in the issuer": genuine().replace(b"<saml:Issuer>", b"<saml:Issuer><!-- -->", 1),
        "comment in the digest value": genuine().replace(b"<ds:DigestValue>", b"<ds:DigestValue><!--x-->"),
        "comment in the signature value": genuine().replace(b"<ds:SignatureValue>", b"<ds:SignatureValue><!--x-->"),
        "comment between elements": genuine().replace(b"<saml:Subject>", b"<!-- --><saml:Subject>"),
        "comment before the root": behind_declaration(b"<!-- generated -->"),
        "comment after the root": genuine() + b"<!-- -->",
        "processing instruction in the name id": inside_name_id("<?evil ?>"),
        "processing instruction before the root": behind_declaration(b'<?xml-stylesheet href="https://evil.example"?>'),
        "processing instruction after the root": genuine() + b"<?evil ?>",
        "cdata in the name id": inside_name_id("<![CDATA[.evil]]>"),
        "cdata around an assertion": genuine().replace(b"<saml:Subject>", b"<![CDATA[<saml:Subject>]]><saml:Subject>"),
        "doctype": behind_declaration(b"<!DOCTYPE x>"),
        "doctype in lower case": behind_declaration(b"<!doctype x>"),
        "doctype after the root": genuine() + b"<!DOCTYPE x>",
        "external doctype": genuine().replace(DECLARATION, b'<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">'),
        "public doctype": genuine().replace(DECLARATION, b'<!DOCTYPE x PUBLIC "-//x" "https://evil.example/x.dtd">'),
        "entity": inside_name_id("&e;").replace(DECLARATION, b'<!DOCTYPE x [<!ENTITY e "x">]>'),
        "external entity": inside_name_id("&e;").replace(
            DECLARATION, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        ),
        "parameter entity": genuine().replace(
            DECLARATION, b'<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]>'
        ),
        "billion laughs": inside_name_id("&c;").replace(
            DECLARATION,
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        ),
        "default attributes": genuine().replace(DECLARATION, b'<!DOCTYPE x [<!ATTLIST x ID CDATA "_evil">]>'),
        "ids declared by a dtd": genuine().replace(DECLARATION, b"<!DOCTYPE x [<!ATTLIST NameID Format ID #IMPLIED>]>"),
        "a notation": genuine().replace(DECLARATION, b'<!DOCTYPE x [<!NOTATION n SYSTEM "n">]>'),
        "another encoding": genuine().replace(b"utf-8", b"iso-8859-1"),
        "utf-7": genuine().replace(b"utf-8", b"utf-7"),
        "utf-16 declared": genuine().replace(b"utf-8", b"utf-16"),
        "ebcdic declared": genuine().replace(b"utf-8", b"cp037"),
        "xml 1.1": genuine().replace(b"1.0", b"1.1", 1),
        "xml 2.0": genuine().replace(b"1.0", b"2.0", 1),
        "two declarations": DECLARATION + genuine(),
        "space before the declaration": b" " + genuine(),
        "two byte order marks": b"\xef\xbb\xbf" * 2 + genuine(),
        "an unknown word in the declaration": genuine().replace(b"encoding='utf-8'", b"encoding='utf-8' evil='1'"),
        "xml:id": genuine().replace(b"<saml:Subject>", b'<saml:Subject xml:id="_x">'),
        "too many namespaces": genuine().replace(
            b"<saml:Subject>",
            b"<saml:Subject " + b" ".join(b'xmlns:a%d="u"' % number for number in range(10_001)) + b">",
        ),
        "too many attributes": genuine().replace(
            b"<saml:Subject>", b"<saml:Subject " + b" ".join(b'a%d=""' % number for number in range(33)) + b">"
        ),
        "too deep": genuine().replace(
            b"</saml:Subject>", b"<x>" * MAX_DEPTH + b"</x>" * MAX_DEPTH + b"</saml:Subject>"
        ),
        "too many elements": genuine().replace(b"</saml:Subject>", b"<x/>" * MAX_ELEMENTS + b"</saml:Subject>"),
    },
)

SIGNED_COMMENTS = [
    signed_comment("CVE-2017-11427: a signed comment cuts the name id", "bo@acme.test<!-- -->.evil.example"),
    signed_comment("a signed comment before the name id", "<!-- -->bo@acme.test"),
    signed_comment("a signed processing instruction cuts the name id", "bo@acme.test<?x?>.evil.example"),
]

TOO_LARGE = [
    Case(
        "one byte more than is read",
        lambda: genuine().ljust(MAX_DOCUMENT_BYTES + 1, b"\n"),
        Reason.TOO_LARGE,
    ),
    Case("a megabyte of white space", lambda: b" " * 1_000_000 + genuine(), Reason.TOO_LARGE),
]


def misshapen(name: str, old: str, new: str) -> Case:
    return rewritten(name, old, new, Reason.STRUCTURE)


def unsigned(name: str, xml: str) -> Case:
    return Case(name, lambda: xml, Reason.STRUCTURE)


def moved(name: str, path: str, into: str) -> Case:
    """One element of a genuine response stands at another place."""

    def change(root: Element) -> None:
        one(root, into).append(one(root, path))

    return changed(name, change, Reason.STRUCTURE)


def id_again(attribute: str) -> Case:
    def change(root: Element) -> None:
        one(root, "saml:Assertion/saml:AttributeStatement/saml:Attribute[1]").set(attribute, "_assertion1")

    return changed(f"the assertion's id a second time, as {attribute}", change, Reason.STRUCTURE)


MISSHAPEN = [
    misshapen("version 1.1", 'Version="2.0"', 'Version="1.1"'),
    misshapen("no version", ' Version="2.0"', ""),
    misshapen("another namespace", SAMLP, SAMLP.upper()),
    misshapen("CVE-2025-66567: a namespace of almost the same name", f'xmlns:saml="{SAML}"', f'xmlns:saml="{SAML}#"'),
    misshapen("the assertion in the protocol's namespace", "<saml:Subject>", f'<saml:Subject xmlns:saml="{SAMLP}">'),
    misshapen("an empty id", 'ID="_response1"', 'ID=""'),
    misshapen("one id for both", 'ID="_response1"', 'ID="_assertion1"'),
    misshapen("an id with a quote", 'ID="_response1"', 'ID="_r\'1"'),
    misshapen("an id with white space", 'ID="_response1"', 'ID=" _response1"'),
    misshapen("a long id", 'ID="_response1"', f'ID="_{"a" * 256}"'),
    misshapen("no id of the response", ' ID="_response1"', ""),
    misshapen("no id of the assertion", ' ID="_assertion1"', ""),
    misshapen("the id in another namespace", ' ID="_assertion1"', ' saml:ID="_assertion1"'),
    misshapen("the id in other letters", ' ID="_assertion1"', ' Id="_assertion1"'),
    unsigned("no status", response_xml(Said()).replace("samlp:Status>", "samlp:Other>")),
    misshapen("an element behind the assertion", "</samlp:Response>", "<x/></samlp:Response>"),
    misshapen("an element before the issuer", "<saml:Issuer>", "<x/><saml:Issuer>"),
    misshapen("two subjects", "<saml:Conditions", "<saml:Subject/><saml:Conditions"),
    misshapen("two conditions", "<saml:AuthnStatement", "<saml:Conditions/><saml:AuthnStatement"),
    misshapen("a second issuer at the end", "<saml:AttributeStatement>", "<saml:Issuer/><saml:AttributeStatement>"),
    misshapen("an unknown element in the assertion", "<saml:Conditions", "<saml:Other/><saml:Conditions"),
    moved("the subject behind the statements", "saml:Assertion/saml:Subject", "saml:Assertion"),
    moved(
        "the issuer of the assertion inside its subject", "saml:Assertion/saml:Issuer", "saml:Assertion/saml:Subject"
    ),
    id_again("ID"),
    id_again("Id"),
    id_again("id"),
    unsigned("a logout response", response_xml(Said()).replace("samlp:Response", "samlp:LogoutResponse")),
    unsigned("an assertion alone", f'<saml:Assertion xmlns:saml="{SAML}" ID="_x" Version="2.0"/>'),
    unsigned("a page", "<html><body>Sign in</body></html>"),
    unsigned("success without an assertion", response_xml(Said(), assertion="")),
    unsigned("SAML 1.1", '<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol" ResponseID="_x" MajorVersion="1"/>'),
]
