"""Quantizes a model with onnxruntime's quantize_dynamic and compares it with what `slimrnn quantize` wrote.

Both files run on the same arrays as the model itself, in Python's onnxruntime. Prints, for each setting of
quantize_dynamic and for each file given with --ours: bytes, the mean and the largest relative difference of the
outputs (as `slimrnn` measures them: relative to an element's size, or to ten times the median size where that is more),
and the median milliseconds of a run, the models in turn.

Usage: pip install onnx onnxruntime numpy
       slimrnn quantize model.onnx --out small.onnx
       python bench/peers/quantize_dynamic.py model.onnx --inputs inputs.npz --ours small.onnx --threads 1

With --json it prints one line for `npm run bench:quantize`.
"""

import argparse
import json
import os
import statistics
import tempfile
import time

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import QuantType, quantize_dynamic

SETTINGS = {
    "per tensor": {},
    "per channel": {"per_channel": True},
    "per channel, 7 bits": {"per_channel": True, "reduce_range": True},
}


def session(path, threads):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def relative(expected, got):
    """Difference of each element, relative as in src/verify/difference.ts."""
    size = np.abs(expected)
    largest = size.max()
    usual = np.median(size[size > 0]) if (size > 0).any() else largest
    return np.abs(expected - got) / np.maximum(min(largest, 10 * usual), size)


def differences(expected, got):
    parts = [relative(a, b).ravel() for a, b in zip(expected, got) if a.dtype.kind == "f"]
    return np.concatenate(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--inputs", required=True, help="an .npz with an array for each input")
    parser.add_argument("--ours", nargs="*", default=[], help="files of slimrnn quantize")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    args = parser.parse_args()
    arrays = np.load(args.inputs)
    with tempfile.TemporaryDirectory() as folder:
        files = {"float32": args.model}
        for name, settings in SETTINGS.items():
            out = os.path.join(folder, f"{len(files)}.onnx")
            quantize_dynamic(args.model, out, weight_type=QuantType.QInt8, **settings)
            files[f"quantize_dynamic, {name}"] = out
        files.update({path: path for path in args.ours})
        sessions = {name: session(path, args.threads) for name, path in files.items()}
        feeds = {i.name: arrays[i.name] for i in sessions["float32"].get_inputs()}
        outputs = {name: s.run(None, feeds) for name, s in sessions.items()}
        times = {name: [] for name in files}
        for _ in range(args.rounds):
            for name, s in sessions.items():
                start = time.perf_counter()
                s.run(None, feeds)
                times[name].append(1000 * (time.perf_counter() - start))
        rows = []
        for name, path in files.items():
            apart = differences(outputs["float32"], outputs[name])
            row = {"name": name, "bytes": os.path.getsize(path), "mean": float(apart.mean()), "largest": float(apart.max())}
            rows.append({**row, "milliseconds": statistics.median(times[name])})
        if args.json:
            print(json.dumps({"onnxruntime": ort.__version__, "threads": args.threads, "models": rows}))
            return
        for row in rows:
            print(
                f"{row['name']:40} {row['bytes']:>10} bytes   mean {100 * row['mean']:7.4f} %   "
                f"largest {100 * row['largest']:7.3f} %   {row['milliseconds']:7.3f} ms"
            )


if __name__ == "__main__":
    main()
