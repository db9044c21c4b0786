#!/bin/sh
# The peers' own virtual environment, .venv-peers in the checkout. Another folder: bench/peers/setup.sh DIR.
# TORCH_INDEX names an index with CPU builds, as for `make setup`. Redis is Debian's package, which is installed
# where that is allowed; bench/serving_peers.py starts one of its own and leaves its row out where there is none.
set -eu
here=$(dirname "$0")
if ! command -v redis-server >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # RUNLEVEL=1: its service is not started.
    (apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends redis-server) >/dev/null 2>&1 \
        || echo "redis-server could not be installed: bench/serving_peers.py leaves it out" >&2
fi
venv=${1:-$here/../../.venv-peers}
test -x "$venv/bin/python" || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    "$(grep '^torch==' "$here/requirements.txt")"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
echo "$venv"
