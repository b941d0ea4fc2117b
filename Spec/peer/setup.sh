#!/bin/sh
# Makes the environment of the second implementation: Spec/peer/.venv, with the packages of requirements.txt.
# It does nothing when that is there already. PEER_VENV names another place, PYTHON another interpreter (3.11 or later).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${PEER_VENV:-$here/.venv}
if [ ! -x "$venv/bin/python" ]; then
    ${PYTHON:-python3} -m venv "$venv"
fi
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
echo "$venv/bin/python"
