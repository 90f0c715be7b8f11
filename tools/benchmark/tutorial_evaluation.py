"""The tutorial's step 4 on Sign Language MNIST in data/, measured in part, for the benchmark.

    python -m tools.benchmark.tutorial_evaluation

Prints the seconds that reading the letters in a part of the images took, and would take for all.
"""

import time

import onnx
import onnxruntime as ort
from torch.utils.data import DataLoader

from tools.benchmark import tutorial

PART = 200  # batches, and images one by one, that stand for all


def main():
    loaders = tutorial.get_loaders("data/sign_mnist_train.csv", "data/sign_mnist_test.csv")
    net = tutorial.Net().eval()
    model = tutorial.export(net)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model)
    # The exported model takes one image at a time.
    ways = (
        (net, loaders[0]),
        (lambda x: session.run(None, {"input": x.numpy()})[0], DataLoader(loaders[0].dataset, 1)),
    )
    images = sum(len(loader.dataset) for loader in loaders)
    part = whole = 0.0
    for read, loader in ways:
        batches = min(PART, len(loader))
        start = time.perf_counter()
        tutorial.evaluate(read, loader, batches)
        seconds = time.perf_counter() - start
        part += seconds
        whole += seconds * images / (batches * loader.batch_size)
    print(part, whole)


if __name__ == "__main__":
    main()
