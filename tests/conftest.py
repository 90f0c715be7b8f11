"""What tests share: small csv files, a folder to work in, scripts run as a user runs them."""

import plumbing.startup  # noqa: F401  # sets the environment before any library loads

# isort: split
import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from camera_fixtures import (  # noqa: F401  # fixtures
    headless,
    long_video,
    model,
    model_path,
    play,
    start,
    start_script,
    video,
    window,
    words,
)

from tools.fuzz.small_data import (  # noqa: F401  # for the tests
    FILE_LABELS,
    HEADER,
    LETTERS,
    draw_letters,
    write_csv,
)

ROOT = Path(__file__).parent.parent
# A shell's background jobs ignore Ctrl-C, those of nohup SIGHUP, and so does what they start; the
# tests of these signals must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):  # Windows has none
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    """Keep the tests of a file, or of files with the same GROUP, in one of the test processes."""
    for item in items:
        group = getattr(item.module, "GROUP", item.path.name)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def workdir(tmp_path, monkeypatch):
    """Make an empty current folder; the environment names no data set."""
    monkeypatch.delenv("SIGN_MNIST_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data(workdir):
    """Make a current folder with a small training and test set in data/."""
    (workdir / "data").mkdir()
    write_csv(workdir / "data/sign_mnist_train.csv", *draw_letters(480))
    write_csv(workdir / "data/sign_mnist_test.csv", *draw_letters(96, seed=1))
    return workdir


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each path with the content that `serve` was given."""

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
    """Return a function that serves a dict of path -> content, and returns the server's url.

    A content is bytes, a str (redirection), an int (error status) or a function that writes an
    answer to a file.
    """
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
    """Read all files under `folder`: a dict of relative path -> bytes."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in paths}


@pytest.fixture(scope="session")
def sign_mnist():
    """Return the folder of the real data set, or skip the test."""
    for folder in (os.environ.get("SIGN_MNIST_DIR"), ROOT / "data"):
        if folder and Path(folder, "sign_mnist_train.csv").exists():
            return Path(folder)
    pytest.skip("Sign Language MNIST is neither in SIGN_MNIST_DIR nor in data/")


def shell(script, *arguments, env=None):
    """Run a script (step_2_dataset.py) or tool (tools.get_photos) in the current folder.

    Returns a CompletedProcess, its output as text. Warnings are errors.
    """
    name = [str(ROOT / script)] if script.endswith(".py") else ["-m", script]
    command = [sys.executable, "-W", "error", *name, *map(str, arguments)]
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def assert_one_line(process, status, *parts):
    """Check that `process` failed as promised: one line on stderr, that status, no traceback."""
    assert process.returncode == status, process.stderr
    assert "Traceback" not in process.stderr
    if status == 1:
        assert process.stderr.count("\n") == 1, process.stderr
    for part in parts:
        assert part in process.stderr
