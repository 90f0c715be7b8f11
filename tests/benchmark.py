"""How fast the four steps are, beside the tutorial's way of doing the same: `make benchmark`.

Needs Sign Language MNIST in data/. Every pair is measured in one run on this machine with nothing
else running; the tutorial's ways are written out here. What would take it minutes is measured in
part and scaled, and marked with ~.
"""

import contextlib
import csv
import io
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import step_2_dataset  # noqa: E402
import step_3_train  # noqa: E402
import step_4_evaluate  # noqa: E402
import step_6_camera  # noqa: E402

TUTORIAL_EPOCHS = 12
TUTORIAL_BATCH = 32
PART = 200  # batches of an epoch, or images, that stand for all
FRAMES = 2000
LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"


def seconds(function, *arguments):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        function(*arguments)
    return time.perf_counter() - start


def row(what, ours, tutorial, ratio, mark=""):
    print(f"{what:40}{ours:>12}{mark + tutorial:>14}{ratio:>9.1f}x", flush=True)


# ---------------------------------------------------------------- the tutorial's ways


def tutorial_read(path):
    mapping = step_2_dataset.SignLanguageMNIST.get_label_mapping()
    labels, samples = [], []
    with open(path) as file:
        next(file)
        for line in csv.reader(file):
            labels.append(mapping.index(int(line[0])))
            samples.append(list(map(int, line[1:])))
    return labels, samples


class TutorialDataset(Dataset):
    """One item at a time through PIL, transforms made anew for each."""

    def __init__(self, dataset):
        self.samples = dataset._samples.permute(0, 2, 3, 1).numpy()
        self.labels = dataset._labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomResizedCrop(28, scale=(0.8, 1.2)),
                transforms.ToTensor(),
                transforms.Normalize([0.485], [0.229]),
            ]
        )
        return {"image": transform(self.samples[idx]), "label": self.labels[idx]}


class TutorialNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 3)
        self.conv3, self.pool = nn.Conv2d(6, 16, 3), nn.MaxPool2d(2, 2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 48), nn.Linear(48, 24)

    def forward(self, x):
        x = self.pool(F.relu(self.conv2(F.relu(self.conv1(x)))))
        x = self.pool(F.relu(self.conv3(x))).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def tutorial_train(net, loader, batches):
    """The first `batches` of a training epoch."""
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), 0.01, 0.9)
    for data in itertools.islice(loader, batches):
        optimizer.zero_grad()
        loss = criterion(net(data["image"].float()), data["label"].long()[:, 0])
        loss.backward()
        optimizer.step()
        loss.item()


def tutorial_evaluate(net, loader, batches):
    for batch in itertools.islice(loader, batches):
        step_4_evaluate.evaluate(net(batch["image"]), batch["label"][:, 0])


def tutorial_frame(frame, session):
    """The body of the tutorial's camera loop, but for its errors that end it today."""
    h, w, _ = frame.shape
    start = abs(h - w) // 2
    frame = frame[start : start + w] if h > w else frame[:, start : start + h]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    x = (cv2.resize(grey, (28, 28)) - 0.485 * 255) / (0.229 * 255)
    y = session.run(None, {"input": x.reshape(1, 1, 28, 28).astype(np.float32)})[0]
    return LETTERS[int(np.argmax(y, axis=1)[0])]


# ---------------------------------------------------------------- the pairs


def compare_reading():
    paths = [step_2_dataset.find_csv(name) for name in step_2_dataset.PUBLISHED]
    read = step_2_dataset.SignLanguageMNIST.read_label_samples_from_csv
    ours = sum(seconds(read, path) for path in paths)
    tutorial = sum(seconds(tutorial_read, path) for path in paths)
    row("reading both files, s", f"{ours:.2f}", f"{tutorial:.2f}", tutorial / ours)


def compare_epoch(trainset):
    """Returns the tutorial's seconds."""
    loader = DataLoader(trainset, step_3_train.BATCH_SIZE, shuffle=True)
    net = step_3_train.Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    arguments = net, nn.CrossEntropyLoss(), optimizer, loader, 0
    ours = min(seconds(step_3_train.train, *arguments) for _ in range(2))
    loader = DataLoader(TutorialDataset(trainset), TUTORIAL_BATCH, shuffle=True)
    part = min(PART, len(loader))
    tutorial = seconds(tutorial_train, TutorialNet(), loader, part) * len(loader) / part
    row("an epoch of training, s", f"{ours:.1f}", f"{tutorial:.1f}", tutorial / ours, "~")
    return tutorial


def run_step(folder, script, *arguments):
    command = [sys.executable, str(ROOT / script), *arguments]
    return seconds(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True))


def compare_steps(trainset, testset, tutorial_epoch):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").mkdir()
        for name in step_2_dataset.PUBLISHED:  # that data set alone, as in the tutorial
            path = step_2_dataset.find_csv(name).absolute()
            os.symlink(path, Path(folder, "data", path.name))
        ours = run_step(folder, "step_3_train.py", "--epochs", str(TUTORIAL_EPOCHS))
        tutorial = TUTORIAL_EPOCHS * tutorial_epoch
        what = f"step 3, {TUTORIAL_EPOCHS} epochs, s"
        row(what, f"{ours:.1f}", f"{tutorial:.1f}", tutorial / ours, "~")
        ours = run_step(folder, "step_4_evaluate.py")
    net = TutorialNet().eval()
    session = ort.InferenceSession(step_4_evaluate.export(net).SerializeToString())
    singles = DataLoader(TutorialDataset(trainset), 1)
    batches = DataLoader(TutorialDataset(trainset), TUTORIAL_BATCH)
    images = len(trainset) + len(testset)
    run = lambda inputs: session.run(None, {"input": inputs.numpy()})[0]  # noqa: E731
    tutorial = seconds(tutorial_evaluate, run, singles, PART) * images / PART
    tutorial += seconds(tutorial_evaluate, net, batches, PART) * images / PART / TUTORIAL_BATCH
    row("step 4, s", f"{ours:.1f}", f"{tutorial:.1f}", tutorial / ours, "~")


def per_frame(function):
    """(seconds, processor seconds) that one call of `function` takes."""
    function()
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(FRAMES):
        function()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return wall / FRAMES, processor / FRAMES


def compare_frames():
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for name, net in (("ours", step_3_train.Net()), ("tutorial", TutorialNet())):
            Path(folder, name).write_bytes(step_4_evaluate.export(net).SerializeToString())
        model = step_6_camera.load_model(f"{folder}/ours")
        session = ort.InferenceSession(f"{folder}/tutorial")
    box = step_6_camera.BOX
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as the script's main does
    ours = per_frame(lambda: step_6_camera.predict(model, step_6_camera.shrink(frame, box)))
    cv2.setNumThreads(threads)
    tutorial = per_frame(lambda: tutorial_frame(frame, session))
    row(
        "frame to letter, frames/s",
        f"{1 / ours[0]:.0f}",
        f"{1 / tutorial[0]:.0f}",
        tutorial[0] / ours[0],
    )
    row(
        "frame to letter, processor ms",
        f"{1e3 * ours[1]:.3f}",
        f"{1e3 * tutorial[1]:.3f}",
        tutorial[1] / ours[1],
    )


def main():
    print(f"{'':40}{'here':>12}{'tutorial':>14}{'ratio':>10}")
    compare_reading()
    trainloader, testloader = step_2_dataset.get_train_test_loaders(sets=["Sign Language MNIST"])
    tutorial_epoch = compare_epoch(trainloader.dataset)
    compare_steps(trainloader.dataset, testloader.dataset, tutorial_epoch)
    compare_frames()


if __name__ == "__main__":
    step_2_dataset.run(main)
