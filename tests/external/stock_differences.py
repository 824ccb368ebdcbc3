"""Where pysaml2 as it comes and our service provider part ways over the corpus, and why each time ours is right."""

STRICTER = {
    "SAMLResponse is posted as base64 alone; inflating what was not deflated hides a document from whoever looks": [
        "malformed: deflated as in a redirect",
    ],
    "a comment cuts the text around it, so the one who reads and the one who signs may see two names": [
        "forbidden: comment in the name id",
        "forbidden: comment in the issuer",
        "forbidden: comment in the digest value",
        "forbidden: comment in the signature value",
        "forbidden: comment between elements",
        "forbidden: comment before the root",
        "forbidden: comment after the root",
        "forbidden: CVE-2017-11427: a signed comment cuts the name id",
        "forbidden: a signed comment before the name id",
    ],
    "a processing instruction cuts text as a comment does": [
        "forbidden: processing instruction before the root",
        "forbidden: processing instruction after the root",
        "forbidden: a signed processing instruction cuts the name id",
    ],
    "with a DOCTYPE a parser may read other attributes, ids and entities than the next": [
        "forbidden: doctype",
        "forbidden: external doctype",
        "forbidden: public doctype",
        "forbidden: default attributes",
        "forbidden: ids declared by a dtd",
        "forbidden: a notation",
    ],
    "another encoding or version may be read as another text": [
        "forbidden: another encoding",
        "forbidden: xml 1.1",
    ],
    "sizes are limited": ["too large: one byte more than is read"],
    "every id stands once and is a name, so that a reference means one element": [
        "misshapen: one id for both",
        "misshapen: an id with a quote",
        "misshapen: an id with white space",
        "misshapen: a long id",
    ],
    "what the schema has no place for may be what another reader takes for the assertion": [
        "misshapen: CVE-2025-66567: a namespace of almost the same name",
        "misshapen: an element behind the assertion",
        "misshapen: an element before the issuer",
        "wrapped: evil in extensions",
        "wrapped: evil in status detail",
        "wrapped: evil encrypted in status detail",
        "wrapped: evil in key info",
        "wrapped: evil signed in advice",
        "wrapped: assertion of another namespace",
        "encrypted: two data",
        "encrypted: two EncryptionMethod of the data",
        "subjects: two name ids",
        "subjects: two data in one confirmation",
    ],
    "an expired certificate was given up by its owner": ["keys: an expired certificate"],
    "keys below 2048 bits can be broken": ["keys: a key of 1024 bits"],
    "SHA-1 can be forged, SHA-224 is on nobody's list, and one recipe of canonicalization is enough": [
        "methods: genuine rsa-sha1",
        "methods: a genuine sha-1 digest",
        "methods: genuine rsa-sha224",
        "methods: enveloped alone, genuinely",
    ],
    "the connection wants encryption": ["encrypted: plain where encryption is wanted"],
    "CBC tells whoever changes the ciphertext what was inside": [
        "encrypted: genuine aes-cbc",
        "encrypted: aes-cbc that no signature covers, where it is allowed",
        "encrypted: triple des, even covered and allowed",
    ],
    "a key more is a decryption more": ["encrypted: more keys than a few"],
    "a response without a destination can be sent anywhere (SAML bindings 3.5.5.2)": [
        "recipients: no destination",
        "recipients: an empty destination",
    ],
    "the recipient is our ACS URL, to the letter (SAML profiles 4.1.4.2)": [
        "recipients: another recipient",
        "recipients: a recipient with a slash more",
        "recipients: the entity id as recipient",
    ],
    "every restriction must name us, and there must be one (SAML profiles 4.1.4.2)": [
        "recipients: no audience",
        "recipients: a second restriction without us",
    ],
    "both issuers are the connection's identity provider": ["issuers: another issuer of the response"],
    "an answer to a request that this browser did not make is somebody else's": [
        "requests: an answer to somebody else's request, where unsolicited ones are allowed",
        "requests: unsolicited by its envelope alone",
    ],
    "NotOnOrAfter ends at its very second": [
        "times: expired to the second, skew included",
        "times: a confirmation that expired to the second",
    ],
    "what never expires can be replayed for ever (SAML profiles 4.1.4.2)": [
        "times: never expiring",
        "times: a confirmation that never expires",
        "subjects: no conditions",
    ],
    "whoever carries the response is the person only where it says so": ["subjects: no bearer"],
    "nobody is named": ["subjects: a blank name"],
}

LAXER = {
    "pysaml2 looks for the key inside the data alone; SAML core 6 puts it beside as well": [
        "shapes: the key stands beside the data",
    ],
    "pysaml2 reads a plaintext without the prefixes declared around it (XML encryption 4.4)": [
        "shapes: the name id is encrypted",
        "shapes: prefixes from outside the ciphertext",
    ],
    "its xmlsec1 has no RSA-PSS": ["handwritings: rsa-pss"],
    "one confirmation that holds is enough (SAML core 2.4.1.1); pysaml2 wants all": [
        "contents: a second confirmation for somebody else",
    ],
    "SAML core 2.7.2 allows several AuthnStatements": ["contents: two authentication statements"],
    "an empty AttributeStatement breaks the schema and says nothing; some identity providers send it": [
        "contents: no attributes at all",
    ],
}

STRICTER_NAMES = frozenset(name for names in STRICTER.values() for name in names)
LAXER_NAMES = frozenset(name for names in LAXER.values() for name in names)
