#!/usr/bin/env bash
# Makes a Python virtual environment with torch and transformers, for scripts/check-transformers.py and the test that
# calls it. About 5 GB, a few minutes, once: a folder that is complete is left as it is.
# usage: setup-transformers.sh [VENV_DIR]   default: ${XDG_CACHE_HOME:-~/.cache}/modelferry/transformers
# Prints the path of its Python.
set -euo pipefail
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/modelferry/transformers}
wanted='torch==2.13.0 transformers==5.24.0 safetensors==0.8.0'
if [ "$(cat "$venv/complete" 2>/dev/null)" != "$wanted" ]; then
  rm -f "$venv/complete"
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  # shellcheck disable=SC2086 # one argument a requirement
  "$venv/bin/python" -m pip install -q --disable-pip-version-check $wanted >&2
  echo "$wanted" > "$venv/complete"
fi
echo "$venv/bin/python"
