"""Makes classifier.onnx: what somebody else trained, and not long enough.

    node make-data.mjs && python make_model.py data classifier.onnx

An embedding, a two-layer LSTM, and a linear layer on the mean of its outputs up to each sequence's length, trained for
one epoch in PyTorch and exported with its own exporter. Needs torch and onnx.
"""

import json
import sys

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.lstm = nn.LSTM(12, 40, num_layers=2, batch_first=True)
        self.head = nn.Linear(40, 4)

    def forward(self, tokens, length):
        out, _ = self.lstm(self.embedding(tokens))
        counts = torch.arange(tokens.size(1)) < length.unsqueeze(1)
        mean = (out * counts.unsqueeze(2).to(out.dtype)).sum(1) / length.unsqueeze(1)
        return self.head(mean)


def load(path):
    with open(path) as lines:
        rows = [json.loads(line) for line in lines]
    return [torch.tensor([row[name] for row in rows]) for name in ("tokens", "length", "class")]


def main():
    folder, path = sys.argv[1:]
    torch.manual_seed(1)
    model = Classifier()
    tokens, length, label = load(f"{folder}/train.jsonl")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for batch in torch.randperm(len(label)).split(32):
        loss = nn.functional.cross_entropy(model(tokens[batch], length[batch]), label[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    tokens, length, label = load(f"{folder}/valid.jsonl")
    with torch.no_grad():
        accuracy = (model(tokens, length).argmax(1) == label).float().mean().item()
    print(f"held-out accuracy {accuracy:.3f}")
    axes = {"tokens": {0: "batch", 1: "time"}, "length": {0: "batch"}, "logits": {0: "batch"}}
    torch.onnx.export(
        model,
        (tokens[:3], length[:3]),
        path,
        input_names=["tokens", "length"],
        output_names=["logits"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    main()
