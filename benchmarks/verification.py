"""(a) Verifying one SAML response, beside raw xmlsec and other libraries: CPU a verification."""

import base64
import resource
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from tests.support.saml_factory import (
    ACS_URL,
    IDP_ENTITY_ID,
    REQUEST_ID,
    SP_ENTITY_ID,
    Encrypting,
    Signing,
    encrypt,
    party,
    signed_response,
    to_bytes,
    trust,
)
from tests.support.sso import Addressed, good_answer, identity_provider

from benchmarks import peers
from benchmarks.stage import Stage
from benchmarks.tables import Table, median, ms, times
from ostiary.adapters.saml.verifier import verify
from ostiary.domain.assertion import Expectation, accept

_EXPECTED = Expectation(IDP_ENTITY_ID, SP_ENTITY_ID, ACS_URL, REQUEST_ID, False, timedelta(seconds=60))


async def measure(stage: Stage) -> Table:
    """Medians of interleaved rounds."""
    rounds, repeats = stage.size(15, 2), stage.size(40, 2)
    now, signer = datetime.now(UTC), identity_provider()
    said = good_answer(Addressed(IDP_ENTITY_ID, SP_ENTITY_ID, ACS_URL), now, REQUEST_ID, "bo@acme.test")
    how = Signing(by=signer)
    plain, both = (to_bytes(signed_response(said, what=what, how=how)) for what in ("assertion", "both"))
    root = signed_response(said, what="assertion", how=how)
    encrypt(root, Encrypting(to=party("sp")))
    trusting = trust(signer, now=now, decryption_keys=(party("sp").as_sp_key(),))

    def ours(document: bytes) -> Callable[[], object]:
        form = base64.b64encode(document).decode()
        return lambda: accept(verify(form, trusting), _EXPECTED, now)

    raw, found = peers.raw_xmlsec(signer), dict(peers.verifiers(signer))
    contenders: dict[str, Callable[[], object]] = {
        "raw xmlsec and lxml (limit)": lambda: raw(plain),
        "Ostiary, assertion signed": ours(plain),
        "Ostiary, both signed": ours(both),
        "Ostiary, encrypted and signed": ours(to_bytes(root)),
    }
    notes = ["Guard, signature, re-canonicalisation, reading and the decision; RSA-2048 with SHA-256."]
    for name, peer in found.items():
        try:
            peer(plain)
        except Exception as error:  # noqa: BLE001 -- a peer that refuses is no measure, and is said
            notes.append(f"{name} refuses the response: {str(error)[:120]}")
        else:
            contenders[name] = lambda peer=peer: peer(plain)
    figures = _interleaved(contenders, rounds, repeats)
    limit = figures["raw xmlsec and lxml (limit)"]
    rows = tuple((name, ms(cpu), times(cpu / limit)) for name, cpu in figures.items())
    notes.append(f"A document of {len(plain):,} bytes. Targets: 2.5× raw; 3 ms encrypted or doubly signed.")
    return Table("verification", "(a) Verify one SAML response", ("", "CPU ms", "× raw"), rows, tuple(notes))


def _interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int, repeats: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            # A peer that starts processes is given fewer turns; their time counts too.
            turns = max(1, repeats // 20) if "xmlsec1" in name else repeats
            begun = _cpu_with_children()
            for _ in range(turns):
                run()
            seconds[name].append((_cpu_with_children() - begun) / turns)
    return {name: median(measured) for name, measured in seconds.items()}


def _cpu_with_children() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
