#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/, in an environment of their own.
set -eu
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
rm -rf gen && mkdir gen
cd "$1"
"$OLDPWD/.venv/bin/python" -m grpc_tools.protoc -I . \
    --python_out="$OLDPWD/gen" --grpc_python_out="$OLDPWD/gen" --pyi_out="$OLDPWD/gen" \
    $(find learnwire -name "*.proto")
