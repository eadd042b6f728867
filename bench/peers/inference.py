"""Runs language models in OpenVINO and PyTorch for `npm run bench:inference`, a turn whenever it is told to.

Reads a line of JSON at a time and answers each with one:
  {"prepare": {"batch": 10, "steps": 30}}   compiles all models for that shape -> {"names": [...]}
  {"run": "OpenVINO, slim float32", "times": 5, "leadIn": 300}   -> {"milliseconds": [...]}, behind 300 ms of others

The OpenVINO models are our ONNX files, compiled for fixed shapes, which is where OpenVINO is fastest. Those of PyTorch
are written here with the same sizes: nn.Embedding, nn.LSTM (a module a layer, since sizes differ) and nn.Linear, under
torch.compile where it works. In bf16 OpenVINO computes by its own hint, PyTorch with weights of that type.

Usage: pip install openvino torch numpy
       npm run bench:inference -- --python PYTHON
"""

import argparse
import json
import os
import sys
import time
import warnings

import numpy as np

PRECISIONS = {"float32": "f32", "bf16": "bf16"}


def open_vino(models, threads, vocabulary):
    """Contestants by name: a function of the shape that compiles a model, and returns one that runs it."""
    import openvino

    core = openvino.Core()

    def prepared(path, hint):
        def prepare(batch, steps):
            model = core.read_model(path)
            shapes = {}
            for port in model.inputs:
                # Tokens are [T, B], states [1, B, H] or [B, H]: a free dimension is the batch unless it leads tokens.
                leading = steps if port.element_type.is_integral() else batch
                free = [leading if i == 0 else batch for i in range(len(port.partial_shape))]
                shapes[port] = [d.get_length() if d.is_static else n for d, n in zip(port.partial_shape, free)]
            model.reshape(shapes)
            config = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
            request = core.compile_model(model, "CPU", config).create_infer_request()
            feeds = {}
            for port in model.inputs:
                dims = list(port.shape)
                integral = port.element_type.is_integral()
                values = np.random.randint(0, vocabulary, dims) if integral else np.zeros(dims)
                feeds[port.any_name] = values.astype(port.element_type.to_dtype())
            return lambda: request.infer(feeds, share_inputs=True, share_outputs=True)

        return prepare

    return {
        f"OpenVINO, {name} {precision}": prepared(path, hint)
        for name, (path, _) in models.items()
        for precision, hint in PRECISIONS.items()
    }, openvino.__version__


def torch_models(models, threads, vocabulary, embedding):
    import torch
    from torch import nn

    torch.set_num_threads(threads)

    class LanguageModel(nn.Module):
        def __init__(self, hidden):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, embedding)
            self.layers = nn.ModuleList(nn.LSTM(a, b) for a, b in zip([embedding, *hidden], hidden))
            self.head = nn.Linear(hidden[-1], vocabulary)

        def forward(self, tokens, states):
            x = self.embedding(tokens)
            following = []
            for layer, state in zip(self.layers, states):
                x, state = layer(x, state)
                following.append(state)
            return self.head(x), following

    def prepared(hidden, dtype):
        def prepare(batch, steps):
            model = LanguageModel(hidden).eval().to(dtype)
            tokens = torch.randint(vocabulary, (steps, batch))
            states = [tuple(torch.zeros(1, batch, size, dtype=dtype) for _ in range(2)) for size in hidden]

            def run(module=model):
                with torch.inference_mode():
                    return module(tokens, states)

            run()
            try:
                compiled = torch.compile(model)
                run(compiled)
                return lambda: run(compiled)
            except Exception as error:  # it needs a C++ compiler; the plain module runs all the same
                print(f"torch.compile does not work here: {type(error).__name__}", file=sys.stderr)
                return run

        return prepare

    types = {"float32": torch.float32, "bf16": torch.bfloat16}
    return {
        f"PyTorch, {name} {precision}": prepared(hidden, dtype)
        for name, (_, hidden) in models.items()
        for precision, dtype in types.items()
    }, torch.__version__


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", default=[], help="NAME=FILE=H1,H2, as often as there are models")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--embedding", type=int, default=1500)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    models = {}
    for text in args.model:
        name, path, hidden = text.split("=")
        models[name] = (path, [int(size) for size in hidden.split(",")])
    contestants, versions = {}, {}
    for engine, make in {
        "openvino": lambda: open_vino(models, args.threads, args.vocabulary),
        "torch": lambda: torch_models(models, args.threads, args.vocabulary, args.embedding),
    }.items():
        try:
            own, version = make()
            contestants.update(own)
            versions[engine] = version
        except ImportError as error:
            print(f"{engine} is left out: {error}", file=sys.stderr)
    runs = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            runs = {}
            for name, prepare in contestants.items():
                try:
                    runs[name] = prepare(**request["prepare"])
                    runs[name]()
                except Exception as error:  # an engine that cannot do one of them still does the others
                    runs.pop(name, None)
                    print(f"{name} is left out: {error}", file=sys.stderr)
            answer = {"names": list(runs), "versions": versions}
        else:
            run, times = runs[request["run"]], []
            begun = time.perf_counter()
            while 1000 * (time.perf_counter() - begun) < request.get("leadIn", 0):
                run()
            for _ in range(request["times"]):
                start = time.perf_counter()
                run()
                times.append(1000 * (time.perf_counter() - start))
            answer = {"milliseconds": times}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
