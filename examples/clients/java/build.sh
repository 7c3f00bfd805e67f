#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/ and compiles all to classes/, with Debian's
# jars. In a project of your own: Maven's or Gradle's protobuf plugin does the same.
set -eu
rm -rf gen classes && mkdir gen classes
protoc -I "$1" --java_out=gen --grpc-java_out=gen \
    --plugin=protoc-gen-grpc-java="$(command -v grpc_java_plugin)" \
    $(cd "$1" && find . -name '*.proto' -printf '%P ')
javac -nowarn -Xlint:-options -d classes -cp '/usr/share/java/*' $(find gen src -name '*.java')
