"""Servers of films and network cameras on this computer, and the script run against them."""

import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
from camera_fixtures import REAL_CAPTURE, signs
from conftest import ROOT

JPEG = b"Content-Type: image/jpeg\r\n"


def encode(frames):
    """Return frames as JPEG files, a list of bytes."""
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


def hello(every=1):
    """Return the frames of the film that comes along."""
    film = REAL_CAPTURE(str(ROOT / "data/hello.mp4"))
    frames = []
    while (read := film.read())[0]:
        frames.append(read[1])
    return frames[::every]


@contextlib.contextmanager
def http_server(answer):
    """Serve `answer`, a function of a request handler. Yields the server's address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def raw_server(answer):
    """Serve `answer`, a function of a connected socket. Yields the server's port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=work, args=[connection], daemon=True).start()

        def work(connection):
            with connection, contextlib.suppress(OSError):
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def give(handler, content, kind, status=200, **headers):
    """Answer a request with bytes of a kind, "image/jpeg"."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def give_parts(handler, pictures, fps=30, has_length=True):
    """Answer a request as a camera does: pictures one after another, then the end."""
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    handler.end_headers()
    start = time.monotonic()
    for number, picture in enumerate(pictures):
        length = f"Content-Length: {len(picture)}\r\n".encode() if has_length else b""
        handler.wfile.write(b"--frame\r\n" + JPEG + length + b"\r\n" + picture + b"\r\n")
        time.sleep(max(0, start + (number + 1) / fps - time.monotonic()))


def pictures_of(*parts):
    """Return signs as JPEG files: (letter or None, seconds) one after another."""
    return encode(signs(*parts))


class Script:
    """The camera script as a process, in a `with` block; its output is a file of the folder."""

    def __init__(self, folder, source, *options):
        self.output = folder / "output.txt"
        self.errors = folder / "errors.txt"
        command = [sys.executable, ROOT / "step_6_camera.py", "--source", source, *options]
        with self.output.open("w") as out, self.errors.open("w") as err:
            self.process = subprocess.Popen(
                list(map(str, command)), stdout=out, stderr=err, cwd=folder
            )

    def wait_for(self, words, seconds=20):
        """Wait until the script has printed some words."""
        end = time.monotonic() + seconds
        while words not in self.output.read_text():
            assert time.monotonic() < end, (words, self.output.read_text())
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.02)

    def interrupt(self):
        """Press Ctrl-C. Returns the seconds until the script has ended, and its status."""
        asked = time.monotonic()
        os.kill(self.process.pid, signal.SIGINT)
        status = self.process.wait(30)
        return time.monotonic() - asked, status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
