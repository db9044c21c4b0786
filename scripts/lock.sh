#!/bin/sh
# Pin every package that any extra needs. torch keeps its plain version: which build a machine
# takes is decided by `make setup`, and its CUDA companions are pinned by torch itself.
set -eu
uv=.venv/bin/uv
{
    echo "# Made by 'make lock' from pyproject.toml. Do not edit."
    $uv pip compile --quiet --all-extras --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url pyproject.toml |
        sed -E 's/\+cpu//' | grep -vE '^(nvidia-|triton|cuda-)'
    $uv --version | sed -E 's/^uv ([0-9.]+).*/uv==\1/'
} >constraints.txt
