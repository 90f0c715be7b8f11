"""Films and cameras behind addresses: what is read, waited for, told and kept secret."""

import itertools
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from camera_fixtures import HI, files_in, frames_of, save_video, signs
from conftest import assert_one_line
from servers import (
    Script,
    encode,
    give,
    give_parts,
    http_server,
    pictures_of,
    raw_server,
)

import camera.answers
import camera.server
import camera.stream
from camera.addresses import hide_secret, is_address, show_address
from camera.answers import fetch, find_mistake, read_parts

# What a camera shows, as fast as it comes: letters are held for a third of the usual time.
LIVE, HOLD = (("H", 0.5), ("I", 0.5), (None, 0.3)), ("--hold", "0.2")

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@pytest.fixture
def told(start, model_path):
    """Return a function that reads an address, and returns its one line on standard error."""

    def read(address, *options):
        done = start("--source", address, "--model", model_path, "--headless", *options)
        assert_one_line(done, 1)
        return done.stderr

    return read


@pytest.fixture
def hurry(monkeypatch):
    """Make the script give up a camera that is gone after few tries."""
    monkeypatch.setattr(camera.stream, "RETRIES", 2)
    monkeypatch.setattr(camera.stream, "RETRY_EVERY", 0.05)


# ---------------------------------------------------------------- addresses and their secrets


@pytest.mark.parametrize(
    "source", ["http://h/shot.jpg", "HTTP://h/a.png?x=1", "rtsp://h", "udp://"]
)
def test_an_address_is_no_file(source):
    assert is_address(source)


@pytest.mark.parametrize("source", ["0", "a.mp4", "C:\\a.mp4", "file:///a.mp4", "//server/a.mp4"])
def test_a_file_is_no_address(source):
    assert not is_address(source)
    assert show_address(source) == source


SHOWN = {
    "rtsp://admin:hunter2@10.0.0.5:554/live?token=hunter2": "rtsp://10.0.0.5:554/live?...",
    "http://hunter2@h/video.mjpg": "http://h/video.mjpg",
    "http://h/snapshot.cgi?user=me&pwd=hunter2": "http://h/snapshot.cgi?...",
    "rtsp://h/user=me_password=hunter2_channel=1.sdp": "rtsp://h/...",
    "rtsp://h/live;token=hunter2/1": "rtsp://h/.../1",
    "rtmp://h/live/hunter2hunter2hunter2": "rtmp://h/live/...",
    "http://me:hunter2/1@h/v": "http://...@h/v",
    "http://me:hun@ter2#1@h/v": "http://...@h/v",
    "me:hunter2@h/v": "h/v",
    "http://h/a/long-film-name-of-2024-12-24.mp4": "http://h/a/long-film-name-of-2024-12-24.mp4",
    "http://h/path@2x.jpg": "http://h/path@2x.jpg",
}


@pytest.mark.parametrize("address", SHOWN)
def test_an_address_is_shown_without_its_secrets(address):
    assert show_address(address) == SHOWN[address]
    assert "hunter2" not in show_address(address)


@pytest.mark.parametrize("flags", [[], ["--teach"]], ids=["read", "teach"])
def test_a_long_address_is_not_shown_either(flags, told):
    line = told(f"http://me:hunter2@127.0.0.1:1/video?token={'hunter2' * 99}", *flags)
    assert "http://127.0.0.1:1/video?... cannot be opened" in line
    assert "hunter2" not in line


def test_names_of_streams_are_shown():
    assert hide_secret("Streaming") == "Streaming"
    assert hide_secret("videostream.mjpg") == "videostream.mjpg"


MISTAKES = {
    "http://": "it names no server",
    "http://h:port/": "the port is a number",
    "http://h:99999/": "the port is a number",
    "http://[::1/": "brackets belong around IPv6",
    "http://me:hunter2/1@h/v": "in a password, write %40 for @",
}


@pytest.mark.parametrize("address", MISTAKES)
def test_an_address_that_is_none_is_told(address, told):
    assert MISTAKES[address] in find_mistake(address)
    assert MISTAKES[address] in told(address)


# ---------------------------------------------------------------- what keeps one from answering

LOGIN = {"WWW_Authenticate": 'Basic realm="x"'}
DIGEST = {"WWW_Authenticate": 'Digest realm="x", nonce="abc", qop="auth"'}
ANSWERS = {
    "page": ((b"<html>", "text/html"), "it is a web page"),
    "page.mp4": ((b"<html>", "text/html"), "it is a web page"),
    "json": ((b"{}", "application/json"), "it is application/json"),
    "text.mp4": ((b"H E L L O", "text/plain"), "it is text/plain, and no film"),
    "login": ((b"", "text/plain", 401, LOGIN), "the server asks for a login"),
    "digest.mp4": ((b"", "text/plain", 401, DIGEST), "the server asks for a login"),
    "forbidden": ((b"", "text/plain", 403), "the server does not allow it"),
    "gone.jpg?x=1": ((b"", "text/plain", 404), "the server has nothing under this address"),
    "gone.mp4": ((b"", "text/plain", 404), "the server has nothing under this address"),
    "broken": ((b"", "text/plain", 503), "the server answers with the fault 503"),
}


@pytest.mark.parametrize("path", ANSWERS)
def test_what_a_server_answers_is_told(path, told):
    (content, kind, *more), words = ANSWERS[path]
    status, headers = (more + [200, {}][len(more) :])[:2]
    with http_server(lambda request: give(request, content, kind, status, **headers)) as address:
        line = told(f"{address}/{path}")
    assert f"{address}/{show_address('/' + path)[1:].split('?')[0]}" in line
    assert f"cannot be opened: {words}" in line


@pytest.mark.parametrize("headers", [LOGIN, DIGEST], ids=["basic", "digest"])
def test_a_wrong_login_is_told_and_not_shown(headers, told):
    with http_server(lambda request: give(request, b"", "text/plain", 401, **headers)) as address:
        line = told(f"{address.replace('//', '//me:hunter2@')}/video?key=hunter2")
    assert "the server refuses this user name or password" in line
    assert "hunter2" not in line


def test_a_right_login_is_used(headless):
    def answer(request):
        if request.headers.get("Authorization") == "Basic bWU6aHVudGVyIDI=":
            give(request, pictures_of(("H", 0.1))[0], "image/jpeg")
        else:
            give(request, b"", "text/plain", 401, **LOGIN)

    with http_server(answer) as address, fetch(address.replace("//", "//me:hunter%202@")) as found:
        assert found.read()[:2] == b"\xff\xd8"


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_a_closed_port_is_told(scheme, told):
    port = free_port()
    assert f"nothing answers at port {port} of 127.0.0.1" in told(f"{scheme}://127.0.0.1:{port}/v")


def test_a_name_that_nobody_has_is_told(told, monkeypatch):
    def look_up(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert "no computer is named camera.invalid" in told("http://camera.invalid/video")


RTSP = {
    b"401 Unauthorized": ("the server asks for a login", "the server refuses this user name"),
    b"404 Not Found": ("the server has nothing under this address",) * 2,
    b"200 OK": ("no pictures come",) * 2,
}


@pytest.mark.parametrize("status", RTSP)
def test_what_an_rtsp_server_answers_is_told(status, told):
    def answer(connection):
        while connection.recv(999):
            connection.sendall(b"RTSP/1.0 %s\r\nCSeq: 1\r\n\r\n" % status)

    with raw_server(answer) as port:
        assert RTSP[status][0] in told(f"rtsp://127.0.0.1:{port}/live")
        line = told(f"rtsp://me:hunter2@127.0.0.1:{port}/live")
        assert RTSP[status][1] in line
        assert "hunter2" not in line


# ---------------------------------------------------------------- films of unknown length


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("name", ["hi.avi", "hi"])
def test_a_film_ends_once_whether_or_not_its_length_is_known(has_length, name, video, headless):
    content = Path(video).read_bytes()

    def answer(request):
        if has_length:
            return give(request, content, "application/octet-stream")
        request.send_response(200)
        request.end_headers()
        request.wfile.write(content)

    with http_server(answer) as address:
        assert headless(f"{address}/{name}")[-1] == "Spelled: HI"


@pytest.mark.parametrize("has_length", [True, False])
def test_a_stream_that_begins_again_is_spelled_once(has_length, headless):
    pictures = [*pictures_of((None, 0.1)), *pictures_of(*LIVE), *pictures_of(("A", 0.1))]
    with http_server(lambda request: give_parts(request, pictures, 30, has_length)) as address:
        *_, spelled = lines = headless(f"{address}/video", *HOLD)
    assert spelled == "Spelled: HI"
    assert lines[0] == f"Connecting to {address}/video"
    assert "Camera lost: trying again" in lines


def test_a_camera_that_comes_back_goes_on(start, model_path, hurry):
    plays = iter([pictures_of((None, 0.1), ("H", 0.5)), pictures_of((None, 0.2), ("I", 0.5))])

    def answer(request):
        pictures = next(plays, None)
        give_parts(request, pictures) if pictures else request.send_error(404)

    with http_server(answer) as address:
        done = start("--source", f"{address}/video", "--model", model_path, "--headless", *HOLD)
    assert_one_line(done, 1, "gives no pictures any more: the server has nothing")
    assert done.stdout.splitlines()[-1] == "Spelled: HI"
    assert done.stdout.count("Camera lost") == 2


def test_parts_that_are_damaged_are_passed_over(start, model_path, hurry):
    pictures = [p if n % 3 else p[: len(p) // 2] for n, p in enumerate(pictures_of(*LIVE))]
    served = itertools.count()

    def answer(request):
        give_parts(request, pictures) if not next(served) else request.send_error(404)

    with http_server(answer) as address:
        done = start("--source", f"{address}/video", "--model", model_path, "--headless", *HOLD)
    assert_one_line(done, 1)
    assert done.stdout.splitlines()[-1] == "Spelled: HI"


PARTS = {  # how cameras divide what they send; %d is the length of a picture
    "as it should be": (
        "frame",
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n",
    ),
    "hyphens told": ("--frame", b"--frame\r\nContent-Length: %d\r\n\r\n"),
    "no boundary at first": ("frame", b"Content-Length: %d\r\n\r\n"),
    "no line break": ("frame", b"--frameContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"),
    "no head": ("frame", b"--frame\r\n\r\n"),
    "bare line breaks": ("frame", b"--frame\ncontent-length:%d\n\n"),
    "wrong length": ("frame", b"--frame\r\nContent-Length: 99\r\n\r\n"),
    "no boundary told": ("", b"--frame\r\nContent-Length: %d\r\n\r\n"),
}


@pytest.mark.parametrize("way", PARTS)
def test_parts_are_found_however_they_are_divided(way):
    told, head = PARTS[way]
    pictures = [picture + 20 * b"\n" for picture in pictures_of(("A", 0.1), ("B", 0.1))]
    heads = [head % len(p) if b"%d" in head else head for p in pictures]
    ends = [b"\r\n" + (b"--frame\r\n" if way == "no boundary at first" else b"") for _ in pictures]

    def answer(request):
        request.send_response(200)
        kind = f"multipart/x-mixed-replace;boundary={told}".removesuffix(";boundary=")
        request.send_header("Content-Type", kind)
        request.end_headers()
        for parts in zip(heads, pictures, ends, strict=True):
            request.wfile.write(b"".join(parts))
        request.wfile.write(b"--frame--\r\n")

    with http_server(answer) as address, fetch(f"{address}/video") as found:
        frames = list(read_parts(found, address))
    assert [frame.shape for frame in frames] == len(pictures) * [(240, 320, 3)]


@pytest.mark.parametrize("path", ["shot.jpg", "shot.jpg?x=1", "snapshot.cgi"])
def test_a_still_picture_is_asked_for_again_and_again(path, start, model_path, hurry):
    frames, begun = encode(signs(*LIVE)), []

    def answer(request):
        begun.append(time.monotonic())
        number = round((begun[-1] - begun[0]) * 30)
        if number < len(frames):
            return give(request, frames[number], "image/jpeg")
        request.send_error(404)

    with http_server(answer) as address:
        done = start("--source", f"{address}/{path}", "--model", model_path, "--headless", *HOLD)
    assert done.stdout.splitlines()[-1] == "Spelled: HI"
    assert len(begun) > 5 * (begun[-1] - begun[0])  # times a second


def test_an_address_of_a_picture_is_never_a_file(workdir, told, monkeypatch):
    (workdir / "http:" / "127.0.0.1:1").mkdir(parents=True)
    (workdir / "http:" / "127.0.0.1:1" / "shot.jpg").write_bytes(pictures_of(("A", 0.1))[0])
    assert "nothing answers at port 1" in told("http://127.0.0.1:1/shot.jpg")


# ---------------------------------------------------------------- Ctrl-C, Q, and what is told


def wait(connection):
    time.sleep(30)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
@pytest.mark.parametrize("path", ["video", "film.mp4"])
def test_ctrl_c_ends_it_while_a_server_does_not_answer(scheme, path, tmp_path):
    with (
        raw_server(wait) as port,
        Script(tmp_path, f"{scheme}://me:hunter2@127.0.0.1:{port}/{path}", "--headless") as script,
    ):
        script.wait_for(f"Connecting to {scheme}://127.0.0.1:{port}/{path}")
        time.sleep(0.5)
        seconds, status = script.interrupt()
    assert (seconds < 1, status) == (True, 130)
    assert "Spelled" not in script.output.read_text()  # no frame came
    assert "hunter2" not in script.output.read_text() + script.errors.read_text()
    assert script.errors.read_text() == ""


@pytest.mark.parametrize("ends", [False, True], ids=["stalls", "is gone"])
def test_ctrl_c_ends_it_while_a_camera_is_lost(ends, tmp_path, model_path):
    served = itertools.count()

    def answer(request):
        give_parts(request, [] if next(served) else pictures_of((None, 0.2), ("H", 1)))
        time.sleep(0 if ends else 30)

    with http_server(answer) as address:
        options = "--headless", "--model", model_path, "--transcript", "t.txt", "--record", "r.avi"
        with Script(tmp_path, f"{address}/video?token=hunter2", *options) as script:
            script.wait_for("Camera lost: trying again")
            seconds, status = script.interrupt()
    assert (seconds < 1, status) == (True, 130)
    assert script.errors.read_text() == ""
    assert "hunter2" not in script.output.read_text() + (tmp_path / "t.txt").read_text()
    assert len(list(frames_of(tmp_path / "r.avi"))) > 20
    assert files_in(tmp_path) == ["errors.txt", "output.txt", "r.avi", "t.txt"]


def test_the_window_says_what_is_waited_for_and_q_ends_it(window, words, start, model_path):
    asked = []

    def show(pixels, milliseconds):
        asked.append(time.monotonic())
        return "q" if len(asked) == 4 else ""

    window(show)
    with raw_server(wait) as port:
        address = f"http://me:hunter2@127.0.0.1:{port}/video?token=hunter2"
        done = start("--source", address, "--model", model_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert np.diff(asked).max() < 0.9
    assert any(word.startswith("Connecting to http://127.0.0.1") for word in words)
    assert "hunter2" not in "".join(words) + done.stdout


def test_a_frame_counts_until_the_next_one_comes(headless, start, model_path, hurry):
    """A camera of a frame in 0.9 seconds is read."""
    pictures = [*pictures_of(("H", 0.04)), *pictures_of(("I", 0.04)), *pictures_of((None, 0.04))]
    with http_server(lambda request: give_parts(request, pictures, 1 / 0.9)) as address:
        assert headless(f"{address}/video")[-1] == "Spelled: HI"


def test_a_film_that_a_server_does_not_send_whole_is_told(tmp_path, told, monkeypatch):
    monkeypatch.setattr(camera.answers, "TIMEOUT", 1.0)
    limits = [1000 if number % 2 else key for number, key in enumerate(camera.server.LIMITS)]
    monkeypatch.setattr(camera.server, "LIMITS", limits)
    content = Path(save_video(tmp_path / "hi.avi", *HI)).read_bytes()

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) // 2])
        time.sleep(3)

    with http_server(answer) as address:
        assert "/hi.avi broke off: its server sends no more" in told(f"{address}/hi.avi")


# ---------------------------------------------------------------- cameras


def test_a_camera_that_is_not_there_does_not_name_itself(told, monkeypatch):
    found = ["/dev/video0", "/dev/video2", "/dev/video10"]
    monkeypatch.setattr("glob.glob", lambda pattern: found)
    monkeypatch.setattr("os.path.exists", lambda path: path in found)
    assert "there is none of this number; try --source 0 or 2 or 10" in told("1")
    found.clear()
    assert "no camera is connected" in told("1")
    assert "--source 1" not in told("1")
    found.append("/dev/video1")
    monkeypatch.setattr("os.access", lambda *_: True)
    assert "another program uses it" in told("1")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "you may not use /dev/video1" in told("1")
