"""Times a whole training step of the LSTM language model in PyTorch, the peer of `npm run bench`.

Forward, backward, clipping by the joint norm and the SGD update of a window of B x T tokens, states carried. Once with
nn.Embedding as users write it, whose dense [V, H] gradient PyTorch fills, clips and applies at every step, and once on
dense inputs [T, B, H] in its place, so that LSTM and classifier can be compared alone; in turn, on the same weights.
Prints one line of JSON; GFLOP/s count 6 per weight and token, the embedding's lookup not counted.

Usage: pip install torch numpy
       python bench/peers/torch_lstm.py --hidden 650 --threads 2
"""

import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn

CLIP = 10.0
WARMUP = 2


class LanguageModel(nn.Module):
    def __init__(self, vocabulary, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=layers)
        self.head = nn.Linear(hidden, vocabulary)
        self.total = nn.CrossEntropyLoss(reduction="sum")
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.04, 0.04)

    def forward(self, inputs, targets, states):
        """Tokens [T, B] or dense rows [T, B, H] -> cross entropy per sequence, and the next states."""
        x = self.embedding(inputs) if inputs.dim() == 2 else inputs
        x, states = self.lstm(x, states)
        return self.total(self.head(x).flatten(0, 1), targets) / x.shape[1], states


def training_step(model, run, inputs, targets, states):
    """A function that makes one update on the window; `run` is the model, compiled or not."""
    dense = inputs.dim() == 3
    parameters = [p for name, p in model.named_parameters() if not (dense and name.startswith("embedding"))]
    # The fused update reads and writes each weight once; on CPU it is as fast as the default or faster.
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=True)
    clipped = parameters + ([inputs] if dense else [])
    carried = states

    def step():
        nonlocal carried
        optimizer.zero_grad(set_to_none=True)
        inputs.grad = None
        loss, following = run(inputs, targets, carried)
        loss.backward()
        nn.utils.clip_grad_norm_(clipped, CLIP)
        optimizer.step()
        carried = tuple(s.detach() for s in following)

    return step


def timed(steps, repeats):
    """Milliseconds of each step, in turn; a machine that changes its speed changes it for all."""
    times = [[] for _ in steps]
    for repeat in range(-WARMUP, repeats):
        for step, own in zip(steps, times):
            start = time.perf_counter()
            step()
            if repeat >= 0:
                own.append((time.perf_counter() - start) * 1000)
    return times


def compiled_or_not(model, steps_of, wanted):
    """
    The steps with torch.compile where it works (it needs a C++ compiler): it fuses softmax and loss, about a tenth of
    the step at H = 200. The LSTM stays PyTorch's own oneDNN kernel; switching oneDNN off was slower at H = 200 and 650.
    """
    if wanted:
        try:
            steps = steps_of(torch.compile(model))
            for step in steps:
                step()
            return steps, True
        except Exception as error:  # whatever is missing, the plain model still runs
            print(f"torch.compile does not work here, going on without: {type(error).__name__}", file=sys.stderr)
    return steps_of(model), False


def spread(times):
    return {"median": statistics.median(times), "min": min(times), "max": max(times)}


def main():
    parser = argparse.ArgumentParser(description="Times a training step of an LSTM language model in PyTorch on CPU.")
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--vocab", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--steps", type=int, default=35)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = LanguageModel(args.vocab, args.hidden, args.layers)
    tokens = torch.randint(args.vocab, (args.steps, args.batch))
    targets = torch.randint(args.vocab, (args.steps * args.batch,))
    rows = torch.randn(args.steps, args.batch, args.hidden, requires_grad=True)
    states = tuple(torch.zeros(args.layers, args.batch, args.hidden) for _ in range(2))

    def steps_of(run):
        return [training_step(model, run, inputs, targets, states) for inputs in (tokens, rows)]

    steps, compiled = compiled_or_not(model, steps_of, not args.no_compile)
    plain, no_embedding = (spread(times) for times in timed(steps, args.repeats))
    weights = args.layers * 8 * args.hidden**2 + args.hidden * args.vocab
    flops = 6 * weights * args.batch * args.steps
    libraries = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    wanted = ("Math Kernel Library", "MKL-DNN", "CPU capability")
    result = {
        "torch": torch.__version__,
        "threads": args.threads,
        "hidden": args.hidden,
        "vocabulary": args.vocab,
        "batch": args.batch,
        "steps": args.steps,
        "layers": args.layers,
        "compiled": compiled,
        "stepMs": plain,
        "stepMsNoEmbedding": no_embedding,
        "gflops": flops / plain["median"] / 1e6,
        "gflopsNoEmbedding": flops / no_embedding["median"] / 1e6,
        "config": "; ".join(line for line in libraries if any(w in line for w in wanted)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
