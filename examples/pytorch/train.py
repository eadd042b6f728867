"""Trains a recogniser of gestures, two GRU layers of 64 units, and exports it: model.onnx, train.npz, valid.npz."""

import numpy as np
import torch
from torch import nn

CLASSES = 4


class Recognizer(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.GRU(3, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, CLASSES)

    def forward(self, x):
        steps, _ = self.rnn(x)
        return self.head(steps[:, -1])


def gestures(count, seed):
    """Noisy readings of a made-up accelerometer, [count, 40, 3], and which gesture each one is."""
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=count)
    t = np.arange(40)[None, :, None] / 40
    speed = 1 + y[:, None, None] % 2 + rng.normal(0, 0.1, [count, 1, 1])
    phase = rng.uniform(0, 2 * np.pi, [count, 1, 1]) + np.array([0, 1, 2]) * (1 + y[:, None, None] // 2)
    x = np.sin(2 * np.pi * speed * t + phase) + rng.normal(0, 0.6, [count, 40, 3])
    return x.astype(np.float32), y.astype(np.int64)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)  # which is faster for a model of this size
    train, valid = gestures(2000, 1), gestures(500, 2)
    model = Recognizer()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    x, y = (torch.from_numpy(a) for a in train)
    for epoch in range(5):
        for batch in torch.randperm(len(x)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            right = (model(torch.from_numpy(valid[0])).argmax(1).numpy() == valid[1]).mean()
        print(f"epoch {epoch + 1}: {right:.1%} of the held-out gestures right")

    axes = {"x": {0: "batch", 1: "time"}}
    names = {"input_names": ["x"], "output_names": ["scores"], "dynamic_axes": axes}
    torch.onnx.export(model.eval(), (x[:2],), "model.onnx", dynamo=False, **names)
    np.savez("train.npz", x=train[0], y=train[1])
    np.savez("valid.npz", x=valid[0], y=valid[1])


if __name__ == "__main__":
    main()
