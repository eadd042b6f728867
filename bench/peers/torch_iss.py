"""Times a whole training step with Intrinsic Sparse Structures in PyTorch, the peer of `npm run bench:shrinking`.

Forward with dropout, backward, the group lasso's gradient over all weights of a hidden unit (Wen et al. 2018, equations
4 and 5), clipping by the joint norm, the SGD update, and the threshold, which sets small weights to zero. Norms of all
groups of a layer are a few reductions. Nothing shrinks: masks of zeros do not make a dense product faster. Once in
float32 and, where the processor can, once with bf16 autocast, in turn, on models of their own. Prints one line of JSON.

Usage: pip install torch numpy
       python bench/peers/torch_iss.py --hidden 650 650 --keep 0.7 --threads 2
"""

import argparse
import contextlib
import json
import sys

import torch
from torch import nn
from torch_lstm import compiled_or_not, spread, timed

EPSILON = 1e-8


class LanguageModel(nn.Module):
    """Embedding, LSTM layers of any sizes with dropout around each, and the classifier."""

    def __init__(self, vocabulary, hidden, drop):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden[0])
        sizes = [hidden[0], *hidden]
        self.layers = nn.ModuleList(nn.LSTM(i, h) for i, h in zip(sizes, hidden))
        self.head = nn.Linear(hidden[-1], vocabulary)
        self.drop = nn.Dropout(drop)
        self.total = nn.CrossEntropyLoss(reduction="sum")
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)

    def forward(self, inputs, targets, states):
        """Tokens [T, B] -> cross entropy per sequence, and the next states."""
        x = self.drop(self.embedding(inputs))
        following = []
        for layer, state in zip(self.layers, states):
            x, state = layer(x, state)
            x = self.drop(x)
            following.append(state)
        return self.total(self.head(x).flatten(0, 1).float(), targets) / x.shape[1], following

    def groups(self):
        """Of each layer: its weights [4H, I] and [4H, H], and the matrix [O, H] whose columns read its units."""
        readers = [layer.weight_ih_l0 for layer in self.layers[1:]] + [self.head.weight]
        return [(layer.weight_ih_l0, layer.weight_hh_l0, reader) for layer, reader in zip(self.layers, readers)]


@torch.no_grad()
def add_group_lasso(model, strength):
    """Adds the gradient of strength * sum over units of the norm of all their weights."""
    for inputs, recurrent, reader in model.groups():
        units = recurrent.shape[1]
        rows = [w.square().sum(1).view(4, units).sum(0) for w in (inputs, recurrent)]
        squares = rows[0] + rows[1] + recurrent.square().sum(0) + reader.square().sum(0)
        scale = strength * (squares + EPSILON).rsqrt()
        of_rows = scale.repeat(4).unsqueeze(1)
        inputs.grad.addcmul_(inputs, of_rows)
        recurrent.grad.addcmul_(recurrent, of_rows + scale)
        reader.grad.addcmul_(reader, scale.expand_as(reader))


@torch.no_grad()
def apply_threshold(weights, threshold):
    for weight in weights:
        weight.masked_fill_(weight.abs() < threshold, 0)


def training_step(model, run, precision, window, args):
    """A function that makes one update on the window; `run` is the model, compiled or not."""
    inputs, targets, carried = window
    parameters = list(model.parameters())
    penalized = list({id(w): w for group in model.groups() for w in group}.values())
    optimizer = torch.optim.SGD(parameters, lr=0.01, fused=True)
    bf16 = precision == "bfloat16"

    def step():
        nonlocal carried
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else contextlib.nullcontext():
            loss, following = run(inputs, targets, carried)
        loss.backward()
        add_group_lasso(model, args.strength)
        nn.utils.clip_grad_norm_(parameters, args.clip)
        optimizer.step()
        apply_threshold(penalized, args.threshold)
        carried = [tuple(s.detach().float() for s in state) for state in following]

    return step


def main():
    parser = argparse.ArgumentParser(description="Times a training step with group lasso in PyTorch on CPU.")
    parser.add_argument("--hidden", type=int, nargs="+", default=[650, 650])
    parser.add_argument("--vocab", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--steps", type=int, default=35)
    parser.add_argument("--keep", type=float, default=1.0)
    parser.add_argument("--clip", type=float, default=10.0)
    parser.add_argument("--strength", type=float, default=0.003)
    parser.add_argument("--threshold", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    tokens = torch.randint(args.vocab, (args.steps, args.batch))
    targets = torch.randint(args.vocab, (args.steps * args.batch,))
    steps, compiled = {}, {}
    for precision in ("float32", "bfloat16"):
        model = LanguageModel(args.vocab, args.hidden, 1 - args.keep)
        states = [tuple(torch.zeros(1, args.batch, h) for _ in range(2)) for h in args.hidden]
        window = (tokens, targets, states)
        try:
            (step,), compiled[precision] = compiled_or_not(
                model, lambda run: [training_step(model, run, precision, window, args)], not args.no_compile
            )
            step()
            steps[precision] = step
        except RuntimeError as error:  # oneDNN has no bf16 LSTM for every processor
            print(f"no step in {precision}: {str(error).splitlines()[0]}", file=sys.stderr)
    times = dict(zip(steps, (spread(own) for own in timed(list(steps.values()), args.repeats))))
    result = {
        "torch": torch.__version__,
        "threads": args.threads,
        "compiled": compiled,
        "float32Ms": times["float32"],
        "bfloat16Ms": times.get("bfloat16"),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
