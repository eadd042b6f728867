#!/bin/sh
# Regenerates src/onnx/onnx_pb.ts from src/onnx/onnx.proto, ONNX's public schema. npx fetches the two generators, which
# nothing else needs. onnx.proto is the file of that name from the PyPI package onnx 1.23.2, unchanged.
set -eu
cd "$(dirname "$0")/.."
npx --yes --package @bufbuild/buf@1.75.0 --package @bufbuild/protoc-gen-es@2.10.2 buf generate src/onnx --path src/onnx/onnx.proto --template \
  '{"version":"v2","plugins":[{"local":"protoc-gen-es","out":"src/onnx","opt":["target=ts"]}]}'
