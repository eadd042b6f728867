#!/bin/sh
# Regenerates src/onnx/onnx_pb.ts from src/onnx/onnx.proto with the project's own development dependencies.
# onnx.proto is the file of that name from the PyPI package onnx 1.23.2, unchanged.
set -eu
cd "$(dirname "$0")/.."

PATH="$PWD/node_modules/.bin:$PATH" buf generate src/onnx --path src/onnx/onnx.proto --template '{
  "version": "v2",
  "plugins": [
    { "local": "protoc-gen-es", "out": "src/onnx", "opt": ["target=ts"] }
  ]
}'
