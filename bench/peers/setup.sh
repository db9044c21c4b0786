#!/bin/sh
# The peers' own virtual environment, .venv-peers in the checkout. Another folder: bench/peers/setup.sh DIR.
# TORCH_INDEX names an index with CPU builds, as for `make setup`.
set -eu
here=$(dirname "$0")
venv=${1:-$here/../../.venv-peers}
test -x "$venv/bin/python" || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    "$(grep '^torch==' "$here/requirements.txt")"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
echo "$venv"
