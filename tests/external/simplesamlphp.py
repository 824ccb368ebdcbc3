"""SimpleSAMLphp, an identity provider nobody here wrote, on PHP's built-in web server."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from tests.external.packages import SIMPLESAMLPHP, require_simplesamlphp
from tests.support.certificates import key_pair

CONFIGURATION = Path(__file__).with_name("simplesamlphp_config")
PASSWORD = "password"
START_SECONDS = 20.0
# PHP tells about its own deprecations in the page; they would spoil XML and headers.
QUIET = ("-d", "error_reporting=E_ALL&~E_DEPRECATED&~E_WARNING&~E_NOTICE", "-d", "display_errors=0")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can log in with their e-mail address and `PASSWORD`; `uid` never changes."""

    email: str
    first_name: str
    last_name: str
    uid: str

    @property
    def attributes(self) -> dict[str, str]:
        """What an assertion says about them."""
        return {"email": self.email, "firstName": self.first_name, "lastName": self.last_name, "uid": self.uid}


PEOPLE = (
    Person("ada@acme.test", "Ada", "Lovelace", "1001"),
    Person("bo@acme.test", "Bo", "Diddley", "1002"),
    Person("cy@acme.test", "Cy", "Twombly", "1003"),
    Person("dee@acme.test", "Dee", "Brown", "1004"),
)


@dataclass(slots=True)
class SimpleSamlPhp:
    """A running identity provider. Service providers may be added at any time; the next request knows them."""

    base_url: str
    folder: Path
    people: dict[str, Person] = field(default_factory=lambda: {person.email: person for person in PEOPLE})
    _providers: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])

    @property
    def metadata_url(self) -> str:
        """Where its metadata is, which is its entity id."""
        return f"{self.base_url}/saml2/idp/metadata.php"

    def metadata(self) -> str:
        """Its metadata."""
        return httpx2.get(self.metadata_url, trust_env=False).raise_for_status().text

    def trust(
        self,
        metadata: str,
        *,
        sign_response: bool = True,
        sign_assertion: bool = True,
        encrypt_assertion: bool = False,
        name: str = "only",
        **options: object,
    ) -> None:
        """Take the service provider with that metadata, and answer it in that shape.

        Encryption is RSA-OAEP with AES-128-CBC, to the certificate of the metadata. `options` are those of
        SimpleSAMLphp's saml20-sp-remote. A second call with the same `name` replaces the first.
        """
        shape: dict[str, object] = {
            "saml20.sign.response": sign_response,
            "saml20.sign.assertion": sign_assertion,
            "assertion.encryption": encrypt_assertion,
        }
        self._providers[name] = {"metadata": metadata, "options": shape | options}
        _write_json(self.folder / "service-providers.json", list(self._providers.values()))

    def people_are(self, *people: Person) -> None:
        """Let exactly these people log in."""
        self.people = {person.email: person for person in people}
        logins = {f"{person.email}:{PASSWORD}": person.attributes for person in people}
        _write_json(self.folder / "people.json", logins)

    def idp_initiated_url(self, sp_entity_id: str, relay_state: str | None = None) -> str:
        """Where a person starts who begins at the identity provider."""
        query = {"spentityid": sp_entity_id} | ({"RelayState": relay_state} if relay_state is not None else {})
        return f"{self.base_url}/saml2/idp/SSOService.php?{urlencode(query)}"

    def logout_url(self, then: str) -> str:
        """Where a person logs out who begins at the identity provider, and the page that comes after."""
        return f"{self.base_url}/saml2/idp/initSLO.php?{urlencode({'RelayState': then})}"

    @property
    def slo_url(self) -> str:
        """Its single logout service."""
        return f"{self.base_url}/saml2/idp/SingleLogoutService.php"


@contextmanager
def running_simplesamlphp(folder: Path) -> Generator[SimpleSamlPhp]:
    """SimpleSAMLphp on a free port of loopback, with a new key, everything it writes under `folder`."""
    require_simplesamlphp()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    idp = SimpleSamlPhp(f"http://127.0.0.1:{port}", folder)
    _configure(idp)
    log_path = folder / "php.log"
    # In a session of its own, so that stopping it reaches the workers too and nobody else.
    with log_path.open("wb") as log:
        server = subprocess.Popen(
            ["php", *QUIET, "-S", f"127.0.0.1:{port}", "-t", str(SIMPLESAMLPHP / "www")],
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "SIMPLESAMLPHP_CONFIG_DIR": str(folder),
                "PHP_CLI_SERVER_WORKERS": "4",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_ready(idp, server, log_path)
        yield idp
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)


def _configure(idp: SimpleSamlPhp) -> None:
    shutil.copytree(CONFIGURATION, idp.folder, dirs_exist_ok=True)
    for name in ("cert", "data", "temp", "sessions"):
        (idp.folder / name).mkdir(mode=0o700)
    key_pair("SimpleSAMLphp of the tests").write(idp.folder / "cert", "idp")
    _write_json(idp.folder / "settings.json", {"base_url": idp.base_url, "salt": secrets.token_hex(16)})
    _write_json(idp.folder / "service-providers.json", [])
    idp.people_are(*PEOPLE)


def _wait_until_ready(idp: SimpleSamlPhp, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    problem = "no answer"
    while server.poll() is None and time.monotonic() < deadline:
        try:
            response = httpx2.get(idp.metadata_url, trust_env=False)
        except httpx2.TransportError as error:
            problem = str(error)
        else:
            if response.is_success:
                return
            problem = f"{response.status_code}: {response.text[:2000]}"
        time.sleep(0.05)
    raise RuntimeError(f"SimpleSAMLphp is not ready: {problem}\n{log.read_text()[-4000:]}")


def _write_json(path: Path, value: object) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(value))
    temporary.replace(path)
