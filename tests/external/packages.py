"""The operating system's packages these tests need. Missing ones fail the run: a skipped test proves nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

SIMPLESAMLPHP = Path("/usr/share/simplesamlphp")
_PHP_EXTENSIONS = {"dom": "php-xml", "mbstring": "php-mbstring", "curl": "php-curl"}


def require_simplesamlphp() -> None:
    """Fail, naming what to install, unless SimpleSAMLphp and the PHP it needs are here."""
    missing = [] if SIMPLESAMLPHP.is_dir() else ["simplesamlphp"]
    php = shutil.which("php")
    if php is None:
        missing += ["php-cli", *_PHP_EXTENSIONS.values()]
    else:
        loaded = subprocess.run([php, "-m"], check=True, capture_output=True, text=True).stdout.lower().split()
        missing += [package for extension, package in _PHP_EXTENSIONS.items() if extension not in loaded]
    _fail_for(missing)


def require_chromium() -> Path:
    """Chromium's executable; fails, naming what to install, where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        _fail_for(["chromium"])
    return Path(str(found))


def require_xmlsec1() -> Path:
    """The program xmlsec1, which pysaml2 starts where nobody tells it otherwise; fails where there is none."""
    found = shutil.which("xmlsec1")
    if found is None:
        _fail_for(["xmlsec1"])
    return Path(str(found))


def _fail_for(missing: list[str]) -> None:
    if missing:
        pytest.fail(f"This test needs packages of the operating system: apt-get install {' '.join(missing)}")
