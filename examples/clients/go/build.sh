#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into src/gen/ and compiles to bin/, with Debian's
# packages of Go. In a module of your own: go get google.golang.org/grpc, and leave the exports out.
set -eu
rm -rf protos && cp -R "$1" protos
buf generate protos --exclude-path protos/google
export GO111MODULE=off GOPATH="$PWD:/usr/share/gocode" GOCACHE="$PWD/.cache" GOFLAGS=-p=2
go vet first client typed show
mkdir -p bin && go build -o bin/ first client typed
