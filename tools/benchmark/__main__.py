"""Measure how fast the four steps are, beside the tutorial's way of doing the same.

    make benchmark
    python -m tools.benchmark --only frames start

Most rows need Sign Language MNIST in data/. Both sides of a row are measured in one run; nothing
else should be running. `~` marks what would take the tutorial's way minutes: it is measured in part
and scaled. `>` marks a time after which the target was not reached.
"""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import contextlib
import functools
import gzip
import io
import itertools
import os
import statistics
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
import step_6_camera
from camera.flags import BOX_SHARE
from camera.hand import HandFinder
from camera.model import load_model
from camera.speller import Speller
from camera.view import View
from plumbing.checkpoints import to_bytes
from plumbing.cores import threads_beside_others
from plumbing.faults import run
from plumbing.flags import Parser
from tools.benchmark import tutorial, tutorial_camera
from tools.benchmark.time_to_target import TARGET

ROOT = Path(__file__).parents[2]
PART = 200  # batches that stand for an epoch
FRAMES, ROUNDS = 200, 20  # frames in a round; the ways take turns, round by round
STARTS = 5  # of each way, in turns
FILES = step_2_dataset.SETS[step_2_dataset.SIGN_MNIST]
FILM = ROOT / "data/hello.mp4"


def print_row(what, ours, tutorials, digits, mark="", our_mark="", more_is_better=False):
    """Print a row: our figure, the tutorial's, and how many times ours is as good."""
    ratio = ours / tutorials if more_is_better else tutorials / ours
    ours, tutorials = f"{our_mark}{ours:.{digits}f}", f"{mark}{tutorials:.{digits}f}"
    ratio = f"{ratio:.{1 if ratio >= 1 else 2}f}x"
    print(f"{what:40}{ours:>12}{tutorials:>14}{ratio:>10}", flush=True)


def seconds(function, *arguments):
    """Call a function, its output dropped. Returns the seconds that it takes."""
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        function(*arguments)
    return time.perf_counter() - start


def command_of(script, *arguments):
    """Return the command that runs a script (step_3_train.py) or a tool (tools.x)."""
    name = [str(ROOT / script)] if script.endswith(".py") else ["-m", script]
    return [sys.executable, *name, *map(str, arguments)]


def environment():
    """Return the environment in which tools are found from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def run_script(script, *arguments):
    """Run a script or tool to its end. Returns what it prints."""
    command = command_of(script, *arguments)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment())
    return done.stdout


# ---------------------------------------------------------------- the data


def lay_out_data(folder):
    """Put Sign Language MNIST alone into folder/data, as plain csv files, as the tutorial does.

    Raises FileNotFoundError if data/ lacks it.
    """
    Path(folder, "data").mkdir()
    for name in FILES:
        path = step_2_dataset.find_data(name).absolute()
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file; python step_2_dataset.py gets the data")
        if path.suffix == ".gz":
            Path(folder, "data", name).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            os.symlink(path, Path(folder, "data", name))


@functools.cache
def tutorial_loaders():
    """Return the tutorial's DataLoaders, of the training and the test images."""
    return tutorial.get_loaders(*(f"data/{name}" for name in FILES))


@functools.cache
def tutorial_epoch():
    """Return the seconds of an epoch of the tutorial's training, from a part of it."""
    loader, _ = tutorial_loaders()
    part = min(PART, len(loader))
    return seconds(tutorial.train, tutorial.Net(), loader, 1, part) * len(loader) / part


# ---------------------------------------------------------------- the rows


def compare_reading():
    """Read both csv files."""
    paths = [f"data/{name}" for name in FILES]
    read = step_2_dataset.SignLanguageMNIST.read_label_samples_from_csv
    ours = sum(seconds(read, path) for path in paths)
    tutorials = sum(seconds(tutorial.read, path) for path in paths)
    print_row("reading both files, s", ours, tutorials, 2)


def compare_epoch():
    """Train for an epoch, the better of two."""
    trainset = step_2_dataset.SignLanguageMNIST(f"data/{FILES[0]}", augment=True)
    trainloader = DataLoader(trainset, step_3_train.BATCH_SIZE, shuffle=True)
    net = step_3_train.Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    arguments = net, nn.CrossEntropyLoss(), optimizer, trainloader, 0
    with threads_beside_others():  # as step 3 does
        ours = min(seconds(step_3_train.train, *arguments) for _ in range(2))
    print_row("an epoch of training, s", ours, tutorial_epoch(), 1, "~")


def compare_training():
    """Run step 3 for as many epochs as the tutorial trains."""
    epochs = tutorial.EPOCHS
    ours = seconds(run_script, "step_3_train.py", "--epochs", epochs)
    print_row(f"step 3, {epochs} epochs, s", ours, epochs * tutorial_epoch(), 1, "~")


def compare_evaluation():
    """Run step 4: start, read the data, measure with PyTorch, export, measure with ONNX Runtime."""
    if not Path(step_3_train.CHECKPOINT).exists():
        weights = step_3_train.Net().state_dict()
        Path(step_3_train.CHECKPOINT).write_bytes(to_bytes(weights))
    ours = seconds(run_script, "step_4_evaluate.py")
    start = time.perf_counter()
    part, whole = map(float, run_script("tools.benchmark.tutorial_evaluation").split())
    tutorials = time.perf_counter() - start - part + whole
    print_row("step 4, s", ours, tutorials, 1, "~")


def time_to_target(way):
    """Train "here" or the "tutorial" way until TARGET is reached.

    Returns seconds, start and reading included but measuring not, and ">" if it was not reached.
    """
    start = time.perf_counter()
    end, measuring = run_script("tools.benchmark.time_to_target", way).splitlines()[-1].split()
    return time.perf_counter() - start - float(measuring), "" if end == "reached" else ">"


def compare_times_to_target():
    """Train to the accuracy of the tutorial's published model."""
    (ours, our_mark), (tutorials, mark) = map(time_to_target, ("here", "tutorial"))
    what = f"training to the tutorial's {100 * TARGET:.1f} %, s"
    print_row(what, ours, tutorials, 1, mark, our_mark)


def per_frame(*ways):
    """Measure `ways`, pairs of (OpenCV's threads, function), in turns, with pauses between.

    A busy machine then slows them alike, and threads of one session stop spinning before the next.
    Returns for each the medians over ROUNDS of (seconds, processor seconds) a call: (ways, 2).
    """
    times = np.empty((ROUNDS, len(ways), 2))
    for round_times in times:
        for i, (threads, function) in enumerate(ways):
            cv2.setNumThreads(threads)
            time.sleep(0.1)
            function()
            wall, processor = time.perf_counter(), time.process_time()
            for _ in range(FRAMES):
                function()
            round_times[i] = time.perf_counter() - wall, time.process_time() - processor
    return np.median(times, axis=0) / FRAMES


def film_frames(count=60):
    """Read the first frames of data/hello.mp4: BGR uint8 (480, 640, 3) each."""
    film = cv2.VideoCapture(str(FILM))
    return [film.read()[1] for _ in range(count)]


def speller_of(model, frames, finder=None):
    """Return a function that reads the next of `frames`, over and over, as the camera script does.

    With a `finder`, the box follows the hand.
    """
    speller, numbers = Speller(model.alphabet, model.threshold), itertools.count()
    view = View(speller, BOX_SHARE, mirror=False, title="", finder=finder)

    def spell():
        number = next(numbers)
        step_6_camera.translate(model, frames[number % len(frames)], number / 30, view, number)

    return spell


def compare_frames():
    """Read the letter in a frame; J and Z from movement, too; in a box that follows the hand."""
    frames, model = film_frames(), load_model(ROOT / "pretrained/signlanguage.onnx")
    session = ort.InferenceSession(tutorial.export(tutorial.Net()))
    numbers, moving = itertools.count(), [frames[0], np.roll(frames[0], 8, axis=1)]
    ours, spelled, followed, tutorials = per_frame(
        (1, lambda: step_6_camera.classify(model, frames[0], BOX_SHARE, next(numbers))),
        (1, speller_of(model, moving)),  # one thread, as the script's main sets
        (1, speller_of(model, frames, HandFinder())),
        (cv2.getNumThreads(), lambda: tutorial_camera.read_frame(frames[0], session)),
    )
    print_row("frame to letter, frames/s", 1 / ours[0], 1 / tutorials[0], 0, more_is_better=True)
    rows = {"frame to letter": ours, "the same and movement": spelled, "and --follow": followed}
    for what, times in rows.items():
        print_row(f"{what}, processor ms", 1e3 * times[1], 1e3 * tutorials[1], 3)


def time_to_first_line(command):
    """Start a command. Returns the seconds until its first line of output."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        process.stdout.readline()
        ready = time.perf_counter() - start
        process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return ready


def peak_memory(command):
    """Run a command to its end. Returns its peak memory in MiB."""
    output = run_script("tools.benchmark.peak_memory", *command)
    return float(output.splitlines()[-1])


def compare_starts():
    """Start step 6 with data/hello.mp4; read it to the end."""
    Path("tutorial.onnx").write_bytes(tutorial.export(tutorial.Net()))
    model = ROOT / "pretrained/signlanguage.onnx"
    commands = (
        command_of("step_6_camera.py", "--source", FILM, "--headless", "--model", model),
        command_of("tools.benchmark.tutorial_camera", FILM, "tutorial.onnx"),
    )
    starts = [[time_to_first_line(command) for command in commands] for _ in range(STARTS)]
    print_row("start of step 6, s", *map(statistics.median, zip(*starts, strict=True)), 2)
    print_row("its peak memory, MiB", *map(peak_memory, commands), 0)


ROWS = {
    "reading": compare_reading,
    "epoch": compare_epoch,
    "training": compare_training,
    "evaluation": compare_evaluation,
    "target": compare_times_to_target,
    "frames": compare_frames,
    "start": compare_starts,
}
WITHOUT_DATA = {"frames", "start"}


def parse_args(argv=None):
    rows = "; ".join(f"{name}: {row.__doc__.rstrip('.')}" for name, row in ROWS.items())
    parser = Parser(
        "python -m tools.benchmark", description=__doc__.splitlines()[0], epilog=f"rows: {rows}"
    )
    only = {"nargs": "+", "choices": ROWS, "default": list(ROWS), "metavar": "ROW"}
    parser.add_argument("--only", help=f"of {', '.join(ROWS)} (all)", **only)
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        if not WITHOUT_DATA.issuperset(args.only):
            lay_out_data(folder)
        print(f"{'':40}{'here':>12}{'tutorial':>14}{'ratio':>10}", flush=True)
        with contextlib.chdir(folder):
            for name in args.only:
                ROWS[name]()


if __name__ == "__main__":
    run(main)
