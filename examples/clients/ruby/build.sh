#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/.
# Where gems come from RubyGems: grpc_tools_ruby_protoc takes the same options.
set -eu
rm -rf gen && mkdir gen
protoc -I "$1" --ruby_out=gen --grpc_out=gen \
    --plugin=protoc-gen-grpc="$(command -v grpc_ruby_plugin)" \
    $(cd "$1" && find . -name '*.proto' -printf '%P ')
