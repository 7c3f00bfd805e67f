#!/bin/sh
# Usage: build.sh PROTOS. Generates the stubs into gen/ and compiles to dist/.
# buf is at hand after `make setup`; elsewhere: npm install --save-dev @bufbuild/buf
set -eu
npm ci --silent --no-audit --no-fund
rm -rf protos dist && cp -R "$1" protos
npm run --silent build
