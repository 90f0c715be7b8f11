"""What the tests share: small csv files, a folder to work in, the scripts run as a user would."""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from camera_fixtures import (  # noqa: F401  # fixtures
    headless,
    long_video,
    model,
    model_path,
    play,
    start,
    video,
    window,
    words,
)

ROOT = Path(__file__).parent.parent
LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"  # on purpose not step 2's: a test compares them
# A shell's background jobs ignore Ctrl-C, those of nohup SIGHUP, and so does what they start; the
# tests of these signals must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
HEADER = "label," + ",".join(f"pixel{i}" for i in range(1, 785))
FILE_LABELS = [ord(letter) - ord("A") for letter in LETTERS]  # as the csv files number letters


def draw_letters(count, seed=0):
    """Images uint8 (count, 784) and file labels (count,): a bright spot whose place is the letter,
    easy enough for a few steps of training."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % len(LETTERS)
    images = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    for image, number in zip(images, classes, strict=True):
        row, column = divmod(int(number), 5)
        image[3 + row * 5 : 6 + row * 5, 3 + column * 5 : 6 + column * 5] = 255
    return images.reshape(count, 784), np.array(FILE_LABELS)[classes]


def write_csv(path, images, labels, newline="\r\n"):
    rows = [
        ",".join(map(str, [label, *image])) for image, label in zip(images, labels, strict=True)
    ]
    Path(path).write_bytes((newline.join([HEADER, *rows]) + newline).encode())


@pytest.fixture
def workdir(tmp_path, monkeypatch):
    """An empty current folder, with no data set named by the environment."""
    monkeypatch.delenv("SIGN_MNIST_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data(workdir):
    """The current folder, with a small training and test set in data/."""
    (workdir / "data").mkdir()
    write_csv(workdir / "data/sign_mnist_train.csv", *draw_letters(480))
    write_csv(workdir / "data/sign_mnist_test.csv", *draw_letters(96, seed=1))
    return workdir


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what `serve` was given for the path."""

    def do_GET(self):
        answer = self.server.content.get(self.path[1:], 404)
        if isinstance(answer, int):
            self.send_error(answer)
        elif isinstance(answer, str):
            self.send_response(302)
            self.send_header("Location", answer)
            self.end_headers()
        elif isinstance(answer, bytes):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        else:
            answer(self.wfile)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """A function that serves contents by their paths, and gives the url that they follow. A content
    is bytes, a str (redirection), an int (error status), or a function that writes an answer."""
    servers = []

    def publish(content):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.content, server.daemon_threads = content, True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield publish
    for server in servers:
        server.shutdown()
        server.server_close()


def snapshot(folder):
    """The files in `folder`, and in the folders in it, and what is in them."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.fixture(scope="session")
def sign_mnist():
    """The folder that has the real data set."""
    for folder in (os.environ.get("SIGN_MNIST_DIR"), ROOT / "data"):
        if folder and Path(folder, "sign_mnist_train.csv").exists():
            return Path(folder)
    pytest.skip("Sign Language MNIST is neither in SIGN_MNIST_DIR nor in data/")


def shell(script, *arguments, env=None):
    """Run a script (step_2_dataset.py) or tool (tools.get_photos) in the current folder as a user's
    shell would; its output is text."""
    name = [str(ROOT / script)] if script.endswith(".py") else ["-m", script]
    command = [sys.executable, "-W", "error", *name, *map(str, arguments)]
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def assert_one_line(process, status, *parts):
    """`process` failed as users are promised: one line on stderr, that status, no traceback."""
    assert process.returncode == status, process.stderr
    assert "Traceback" not in process.stderr
    if status == 1:
        assert process.stderr.count("\n") == 1, process.stderr
    for part in parts:
        assert part in process.stderr
