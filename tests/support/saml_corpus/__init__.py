"""The corpus: documents as identity providers send them and as attackers do, each with its verdict and reason.

One table for each threat. `tests/unit/adapters/saml/test_corpus.py` holds our service provider to it, and
`tests/external/test_stock_pysaml2.py` compares with another one.
"""

from tests.support.saml_corpus.accepted import ACCEPTED
from tests.support.saml_corpus.case import Case
from tests.support.saml_corpus.claims import ISSUERS, RECIPIENTS, REQUESTS, STATUSES, SUBJECTS, TIMES
from tests.support.saml_corpus.encryption import ENCRYPTED
from tests.support.saml_corpus.parsing import FORBIDDEN_BYTES, MALFORMED, MISSHAPEN, SIGNED_COMMENTS, TOO_LARGE
from tests.support.saml_corpus.signatures import KEYS, METHODS, MISSING, VALUES, WRAPPED

REFUSED = {
    "malformed": MALFORMED,
    "forbidden": FORBIDDEN_BYTES + SIGNED_COMMENTS,
    "too large": TOO_LARGE,
    "misshapen": MISSHAPEN,
    "wrapped": WRAPPED,
    "missing": MISSING,
    "keys": KEYS,
    "methods": METHODS,
    "values": VALUES,
    "encrypted": ENCRYPTED,
    "recipients": RECIPIENTS,
    "issuers": ISSUERS,
    "requests": REQUESTS,
    "times": TIMES,
    "subjects": SUBJECTS,
    "statuses": STATUSES,
}
CORPUS: dict[str, Case] = {
    f"{threat}: {case.name}": case for threat, cases in {**ACCEPTED, **REFUSED}.items() for case in cases
}
