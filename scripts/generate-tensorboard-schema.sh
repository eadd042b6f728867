#!/bin/sh
# Regenerates src/tensorboard/events_pb.ts from src/tensorboard/events.proto. npx fetches the two generators, which nothing
# else needs.
set -eu
cd "$(dirname "$0")/.."
npx --yes --package @bufbuild/buf@1.75.0 --package @bufbuild/protoc-gen-es@2.10.2 buf generate src/tensorboard --path src/tensorboard/events.proto --template \
  '{"version":"v2","plugins":[{"local":"protoc-gen-es","out":"src/tensorboard","opt":["target=ts"]}]}'
npx biome check --write src/tensorboard/events_pb.ts
