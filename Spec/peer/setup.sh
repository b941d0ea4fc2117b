#!/bin/sh
# Makes the environment of the second implementation: Spec/peer/.venv, with the packages of requirements.txt, and prints
# its interpreter. It does nothing when that is there already. PEER_VENV names another place, PYTHON another interpreter
# (3.11 or later). Debian's Python can make no environment without a package of its own, which is installed then.
# Ends with 69 when a package cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${PEER_VENV:-$here/.venv}

unavailable() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 69
}

can_make() { ${PYTHON:-python3} -c 'import ensurepip, venv' >/dev/null 2>&1; }

install_python() {
    [ -z "${PYTHON:-}" ] && command -v apt-get >/dev/null || unavailable "Python 3.11 or later with venv is needed"
    root=
    [ "$(id -u)" -eq 0 ] || root=sudo
    export DEBIAN_FRONTEND=noninteractive
    { $root apt-get update -qq && $root apt-get install -y -qq --no-install-recommends python3 python3-venv; } >&2 ||
        unavailable "apt-get could not install python3-venv"
}

if [ ! -x "$venv/bin/pip" ]; then
    can_make || install_python
    ${PYTHON:-python3} -m venv --clear "$venv" >&2
fi
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2 ||
        unavailable "PyPI did not give the packages of requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
echo "$venv/bin/python"
