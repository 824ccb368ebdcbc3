#!/bin/sh
# Makes or mends .venv: sh scripts/environment.sh dev|test|bench. The pins and hashes are those of requirements/.
# A stamp (.venv/dev, .venv/test) tells make that the environment is as new as the pins; the wider set serves for both.
set -eu
cd "$(dirname "$0")/.."
wanted=$1

# A Python that can make environments. With uv at hand pip is not needed, so neither is Debian's ensurepip.
if command -v uv >/dev/null 2>&1; then pip=--without-pip needs='import venv'
else pip='' needs='import venv; from ensurepip import bootstrap'; fi
find_python() {
    for python in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3; do
        "$python" -c "$needs; import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1 && return
    done
    if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo 'Python has no venv module here. Debian: apt install python3-venv' >&2
    else
        echo 'Ostiary needs Python 3.11 or newer with venv. Debian: apt install python3 python3-venv; macOS: brew install python' >&2
    fi
    exit 1
}

# An environment whose Python is gone, or that was moved here from elsewhere, is made anew.
here=$(pwd -P)
if ! .venv/bin/python -c 'import sys; sys.exit(sys.prefix != sys.argv[1])' "$here/.venv" 2>/dev/null; then
    find_python
    echo "Making the environment in .venv with $("$python" --version) (once; takes a minute)"
    rm -rf .venv
    "$python" -m venv $pip .venv
fi

# Somebody without a home (a service account, a container) goes without a cache.
if ! [ -w "${HOME:-/nonexistent}" ]; then
    export UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
fi

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv/bin/uv
    [ -f .venv/uv ] && [ ! requirements/uv.txt -nt .venv/uv ] || {
        # Made when there was a uv on the PATH, it has no pip yet.
        .venv/bin/python -c 'import pip' 2>/dev/null || .venv/bin/python -m ensurepip >/dev/null
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            -r requirements/uv.txt
        touch .venv/uv
    }
fi

# Compiled now, once: every start after that is seconds faster, also where Python may write no bytecode.
# uv must neither look for another Python nor fetch one.
export UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV="$here/.venv"
"$uv" pip install --quiet --compile-bytecode --require-hashes -r "requirements/$wanted.txt"
# The project itself, editable, with the pinned build tool: no download here.
"$uv" pip install --quiet --no-deps --no-build-isolation --offline --editable .
[ "$wanted" = dev ] || touch .venv/dev
touch ".venv/$wanted"
