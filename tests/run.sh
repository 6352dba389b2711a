#!/bin/sh
# Every check of the repository, as CI runs them: sh tests/run.sh
#
# Uses the virtual environment that is active, else makes .venv. What follows is handed to
# pytest: sh tests/run.sh tests/test_query.py -x
set -eu
cd "$(dirname "$0")/.."

if [ -z "${VIRTUAL_ENV:-}" ]; then
    [ -x .venv/bin/python ] || "${PYTHON:-python3}" -m venv .venv
    VIRTUAL_ENV="$PWD/.venv"
fi
PATH="$VIRTUAL_ENV/bin:$PATH"
export VIRTUAL_ENV PATH
# Set, it makes every process that the tests start compile everything anew.
unset PYTHONDONTWRITEBYTECODE

check() {
    what=$1
    shift
    printf '== %s\n' "$what"
    "$@" || { code=$?; printf '== %s failed: %s\n' "$what" "$*" >&2; exit "$code"; }
}

python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "paperfacts needs Python 3.11 or newer")'
check install python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
check lint ruff check
check format ruff format --check
check types mypy
check contracts lint-imports
check tests python -m pytest -n 2 --dist loadfile "$@"
