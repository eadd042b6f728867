"""Trains the text classifier in PyTorch on the batches that bench/peers/textBatches.ts wrote, and times its epochs.

nn.Embedding -> nn.LSTM -> last, mean or max over the words of each text -> nn.Linear, dropout before and after the
LSTM, Adam: the same model, batches and padded lengths as `slimrnn train` with its defaults. Texts are padded, not
packed: that is faster for one direction, and what lies beyond a length is left out when the words are pooled.
Prints a line of JSON for each epoch: seconds, loss, and accuracy on the validation and test texts.

Usage: pip install torch numpy
       npm run build:bench && node build/bench/peers/textBatches.js --data imdb --epochs 4 --out /tmp/imdb
       python bench/peers/torch_text.py /tmp/imdb --epochs 4 --hidden 128 --threads 2
"""

import argparse
import json
import os
import time

import torch
from torch import nn


class TextClassifier(nn.Module):
    def __init__(self, args, classes):
        super().__init__()
        directions = 2 if args.bidirectional else 1
        self.pool = args.pool
        self.embedding = nn.Embedding(args.vocab, args.embedding)
        self.lstm = nn.LSTM(args.embedding, args.hidden, bidirectional=args.bidirectional)
        self.drop = nn.Dropout(1 - args.keep)
        self.head = nn.Linear(args.hidden * directions, classes)
        for name, parameter in self.named_parameters():
            if name.startswith("lstm.bias") or name == "head.bias":
                nn.init.zeros_(parameter)
            else:
                nn.init.uniform_(parameter, -args.init_scale, args.init_scale)
        # Forget gates start open: the second of the gates i, f, g, o.
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                parameter.data[args.hidden : 2 * args.hidden] = 1

    def forward(self, tokens, lengths):
        """Tokens [T, B] and lengths [B] -> logits [B, C]."""
        x = self.drop(self.embedding(tokens))
        if self.lstm.bidirectional:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            x, states = self.lstm(packed)
            x, _ = nn.utils.rnn.pad_packed_sequence(x, total_length=tokens.shape[0])
        else:
            x, _ = self.lstm(x)
        counts = (torch.arange(tokens.shape[0])[:, None] < lengths)[:, :, None]
        if self.pool == "max":
            pooled = x.masked_fill(~counts, -2).amax(0)
        elif self.pool == "mean":
            pooled = (x * counts).sum(0) / lengths[:, None]
        elif self.lstm.bidirectional:
            pooled = torch.cat(tuple(states[0]), 1)
        else:
            pooled = x[lengths - 1, torch.arange(tokens.shape[1])]
        return self.head(self.drop(pooled))


def batches_of(path):
    """The batches of a file as tensors: tokens [T, B], lengths [B], classes [B]."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            batch = json.loads(line)
            lengths = torch.tensor([len(text) for text in batch["tokens"]])
            tokens = torch.zeros(batch["time"], len(lengths), dtype=torch.long)
            for b, text in enumerate(batch["tokens"]):
                tokens[: len(text), b] = torch.tensor(text)
            yield tokens, lengths, torch.tensor(batch["classes"])


def accuracy(model, path):
    if not os.path.exists(path):
        return None
    model.eval()
    right = count = 0
    with torch.no_grad():
        for tokens, lengths, classes in batches_of(path):
            right += (model(tokens, lengths).argmax(1) == classes).sum().item()
            count += len(classes)
    model.train()
    return right / count


def train_epoch(model, optimizer, batches):
    """One pass over the batches -> seconds in its updates, and mean loss."""
    seconds = total = count = 0
    for tokens, lengths, classes in batches:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(tokens, lengths), classes)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        seconds += time.perf_counter() - start
        total += loss.item() * len(classes)
        count += len(classes)
    return seconds, total / count


def main():
    parser = argparse.ArgumentParser(description="Trains the text classifier in PyTorch on CPU and times its epochs.")
    parser.add_argument("folder", help="what bench/peers/textBatches.ts wrote")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--vocab", type=int, default=20_000)
    parser.add_argument("--embedding", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--classes", type=int, default=2)
    parser.add_argument("--pool", choices=["last", "mean", "max"], default="mean")
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--keep", type=float, default=0.5)
    parser.add_argument("--init-scale", type=float, default=0.1)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = TextClassifier(args, args.classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
    for epoch in range(args.epochs):
        seconds, loss = train_epoch(model, optimizer, batches_of(os.path.join(args.folder, f"train-{epoch}.jsonl")))
        result = {
            "epoch": epoch,
            "seconds": round(seconds, 1),
            "loss": round(loss, 4),
            "valid": accuracy(model, os.path.join(args.folder, "valid.jsonl")),
            "test": accuracy(model, os.path.join(args.folder, "test.jsonl")),
            "torch": torch.__version__,
            "threads": args.threads,
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
