#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/ and compiles ./client.
set -eu
rm -rf gen && mkdir gen
protoc -I "$1" --cpp_out=gen --grpc_out=gen --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" \
    learnwire/v1/io.proto learnwire/v1/prediction.proto learnwire/v1/prediction_service.proto \
    google/rpc/status.proto google/rpc/error_details.proto
make --silent --jobs 2 client
