"""How fast the four steps are, beside the tutorial's way of doing the same: `make benchmark`.

Needs Sign Language MNIST in data/. Every pair is measured in one run on this machine with nothing
else running. What would take the tutorial's way minutes is measured in part and scaled, and marked
with ~; > marks a time after which TARGET was not reached.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
import gzip
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
from torch.utils.data import DataLoader

import step_2_dataset
import step_3_train
import step_4_evaluate
import step_6_camera
from camera.model import load_model
from camera.view import View
from plumbing.faults import run
from tools.benchmark import tutorial
from tools.benchmark.time_to_target import TARGET

ROOT = Path(__file__).parents[2]
PART = 200  # batches of an epoch, or images, that stand for all
FRAMES, ROUNDS = 200, 20  # frames are read in turns
FILES = step_2_dataset.SETS[step_2_dataset.SIGN_MNIST]


def seconds(function, *arguments):
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        function(*arguments)
    return time.perf_counter() - start


def row(what, ours, tutorials, digits, mark="", our_mark="", more_is_better=False):
    ratio = ours / tutorials if more_is_better else tutorials / ours
    ours, tutorials = f"{our_mark}{ours:.{digits}f}", f"{mark}{tutorials:.{digits}f}"
    print(f"{what:40}{ours:>12}{tutorials:>14}{ratio:>9.1f}x", flush=True)


def lay_out_data(folder):
    """Sign Language MNIST alone in folder/data, as in the tutorial, in plain csv files."""
    Path(folder, "data").mkdir()
    for name in FILES:
        path = step_2_dataset.find_csv(name).absolute()
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file; python step_2_dataset.py gets the data")
        if path.suffix == ".gz":
            Path(folder, "data", name).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            os.symlink(path, Path(folder, "data", name))


def run_script(script, *arguments):
    """Returns what it prints."""
    command = [sys.executable, str(ROOT / script), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


# ---------------------------------------------------------------- the pairs


def compare_reading():
    paths = [f"data/{name}" for name in FILES]
    read = step_2_dataset.SignLanguageMNIST.read_label_samples_from_csv
    ours = sum(seconds(read, path) for path in paths)
    tutorials = sum(seconds(tutorial.read, path) for path in paths)
    row("reading both files, s", ours, tutorials, 2)


def compare_epoch(loader):
    """`loader` is the tutorial's, of the training images. Returns its seconds."""
    trainset = step_2_dataset.SignLanguageMNIST(f"data/{FILES[0]}", augment=True)
    trainloader = DataLoader(trainset, step_3_train.BATCH_SIZE, shuffle=True)
    net = step_3_train.Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    arguments = net, nn.CrossEntropyLoss(), optimizer, trainloader, 0
    ours = min(seconds(step_3_train.train, *arguments) for _ in range(2))
    part = min(PART, len(loader))
    tutorials = seconds(tutorial.train, tutorial.Net(), loader, 1, part) * len(loader) / part
    row("an epoch of training, s", ours, tutorials, 1, "~")
    return tutorials


def compare_training(tutorial_epoch):
    epochs = tutorial.EPOCHS
    ours = seconds(run_script, "step_3_train.py", "--epochs", str(epochs))
    row(f"step 3, {epochs} epochs, s", ours, epochs * tutorial_epoch, 1, "~")


def time_to_target(way):
    """Seconds, start and reading included but measuring not, and ">" if TARGET was not reached."""
    start = time.perf_counter()
    end, measuring = run_script("tools/benchmark/time_to_target.py", way).splitlines()[-1].split()
    return time.perf_counter() - start - float(measuring), "" if end == "reached" else ">"


def compare_times_to_target():
    (ours, our_mark), (tutorials, mark) = map(time_to_target, ("here", "tutorial"))
    what = f"training to the tutorial's {100 * TARGET:.1f} %, s"
    row(what, ours, tutorials, 1, mark, our_mark)


def compare_evaluation(loader, images):
    """`loader` is the tutorial's, of the training images; `images` counts the test images too."""
    ours = seconds(run_script, "step_4_evaluate.py")
    net = tutorial.Net().eval()
    session = ort.InferenceSession(tutorial.export(net))
    singles = DataLoader(loader.dataset, 1)  # its exported model takes no more
    one_by_one = lambda image: session.run(None, {"input": image.numpy()})[0]  # noqa: E731
    part = min(PART, len(loader))
    tutorials = seconds(tutorial.evaluate, one_by_one, singles, part) * images / part
    tutorials += seconds(tutorial.evaluate, net, loader, part) * images / part / tutorial.BATCH_SIZE
    row("step 4, s", ours, tutorials, 1, "~")


def per_frame(*ways):
    """For each of `ways`, (OpenCV's threads, function), the medians over ROUNDS of the (seconds,
    processor seconds) that a call takes. They take turns, so that a busy machine slows them alike,
    with pauses in which the threads of another's session stop spinning."""
    times = np.empty((ROUNDS, len(ways), 2))
    for turn in times:
        for i, (threads, function) in enumerate(ways):
            cv2.setNumThreads(threads)
            time.sleep(0.1)
            function()
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(FRAMES):
                function()
            turn[i] = time.perf_counter() - wall, time.process_time() - processor
    return np.median(times, axis=0) / FRAMES


def compare_frames():
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    Path("ours").write_bytes(step_4_evaluate.export(step_3_train.Net()).SerializeToString())
    model = load_model("ours")
    session = ort.InferenceSession(tutorial.export(tutorial.Net()))
    view = View(step_6_camera.Speller(model.alphabet, 0.5), step_6_camera.BOX, 0, "")
    moving, moments = [frame, np.roll(frame, 8, axis=1)], itertools.count()

    def read():
        step_6_camera.classify(model, frame, step_6_camera.BOX, next(moments))

    def spell():
        now = next(moments)
        step_6_camera.translate(model, moving[now % 2], now / 30, view, now)

    ours, spelled, tutorials = per_frame(
        (1, read),  # as the script's main does
        (1, spell),
        (cv2.getNumThreads(), lambda: tutorial.read_frame(frame, session)),
    )
    row("frame to letter, frames/s", 1 / ours[0], 1 / tutorials[0], 0, more_is_better=True)
    row("frame to letter, processor ms", 1e3 * ours[1], 1e3 * tutorials[1], 3)
    row("the same and movement read, processor ms", 1e3 * spelled[1], 1e3 * tutorials[1], 3)


def main():
    print(f"{'':40}{'here':>12}{'tutorial':>14}{'ratio':>10}")
    with tempfile.TemporaryDirectory() as folder:
        lay_out_data(folder)
        with contextlib.chdir(folder):
            compare_reading()
            trainloader, testloader = tutorial.get_loaders(*(f"data/{name}" for name in FILES))
            tutorial_epoch = compare_epoch(trainloader)
            compare_training(tutorial_epoch)
            images = len(trainloader.dataset) + len(testloader.dataset)
            compare_evaluation(trainloader, images)
            compare_times_to_target()
            compare_frames()


if __name__ == "__main__":
    run(main)
