#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/ and compiles ./first, ./client and ./typed.
set -eu
rm -rf gen && mkdir gen
protoc -I "$1" --cpp_out=gen --grpc_out=gen --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" \
    $(cd "$1" && find google learnwire/models -name '*.proto') \
    learnwire/v1/arrays.proto learnwire/v1/io.proto learnwire/v1/options.proto \
    learnwire/v1/prediction.proto learnwire/v1/prediction_service.proto
make --silent --jobs 2
