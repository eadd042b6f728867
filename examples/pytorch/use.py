"""Loads the smaller model in PyTorch (small/model.py) and in ONNX Runtime, and compares the two on held-out gestures."""

import numpy as np
import onnxruntime
import torch
from small.model import load

valid = np.load("valid.npz")
model = load()
with torch.no_grad():
    scores = model(torch.from_numpy(valid["x"])).numpy()
(expected,) = onnxruntime.InferenceSession("runs/small/model.onnx").run(None, {"x": valid["x"]})

print(model)
print(f"{(scores.argmax(1) == valid['y']).mean():.1%} of the held-out gestures right")
print(f"largest difference from ONNX Runtime: {np.abs(scores - expected).max():.1e}")
