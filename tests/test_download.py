import contextlib
import gzip
import hashlib
import io
import socket
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest
from conftest import snapshot

from plumbing import download as module
from plumbing.download import download, extract
from plumbing.faults import UserError

NAMES = ("first.csv", "second.csv")
CONTENTS = {"first.csv": b"1,2,3\n", "second.csv": b"4,5,6\n"}


def make_zip(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(files):
    """A tar.gz archive; a str among the contents is where a link leads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(b"" if isinstance(content, str) else content))
    return buffer.getvalue()


# ---------------------------------------------------------------- downloads


def test_downloads_what_is_there_and_says_how_far_it_is(workdir, serve, capsys):
    content = bytes(range(256)) * 4000
    sha256 = hashlib.sha256(content).hexdigest()
    download(serve({"file": content}) + "file", "file", sha256)
    assert snapshot(workdir) == {workdir.joinpath("file").relative_to(workdir): content}
    assert capsys.readouterr().out.splitlines()[-1] == "download: 100 % of 1.02MB"
    download(serve({"file": content}) + "file", "again", progress=False)
    assert capsys.readouterr() == ("", "")
    assert (workdir / "again").read_bytes() == content


def test_redirections_are_followed(workdir, serve):
    download(serve({"old": "/new", "new": b"here"}) + "old", "file")
    assert (workdir / "file").read_bytes() == b"here"


def answer(*lines, body="some bytes", status="HTTP/1.1 200 OK"):
    """A function that writes an http answer of these header lines, and then a few bytes."""
    content = "\r\n".join([status, *lines, "", body]).encode()
    return lambda file: file.write(content)


def trickle(start, seconds=0.05):
    """A function that writes `start` and then a byte now and then, for longer than is waited."""

    def write(file):
        file.write(start)
        for _ in range(60):
            file.write(b"x")
            time.sleep(seconds)

    return write


BAD_ANSWERS = {
    "wrong checksum": (b"other", "sha256 is"),
    "cut off": (answer("Content-Length: 100"), "cut off after 10 of 100 bytes"),
    "404": (404, "404"),
    "500": (500, "500"),
    "http elsewhere": ("http://example.invalid/archive", "is not https"),
    "http of a name like this machine's": ("http://127.0.0.1.example.invalid/x", "is not https"),
    "file": ("file:///etc/passwd", "not allowed"),
    "host that does not parse": ("http://[::1/x", "Invalid IPv6 URL"),
    "port that is none": ("https://127.0.0.1:port/x", "nonnumeric port"),
    "host that is too long": (f"https://{'a' * 300}.org/x", "label"),
    "redirection for ever": ("/x", "infinite loop"),
    "no http": (answer(status="good morning"), "good morning"),
    "no status": (answer(status="HTTP/1.1 abc"), "HTTP/1.1 abc"),
    "nothing": (lambda file: None, "Remote end closed connection"),
    "endless header": (answer(*["X: y"] * 200), "more than 100 headers"),
    "negative chunk": (answer("Transfer-Encoding: chunked", body="-5\r\nabc"), "IncompleteRead"),
    "chunk of no size": (answer("Transfer-Encoding: chunked", body="x\r\nabc"), "IncompleteRead"),
    "too large": (answer(body="x" * 2000), "more than 1,000 bytes"),
    "too slow": (trickle(b"HTTP/1.1 200 OK\r\n\r\n"), "slower than 2,000 bytes a second"),
    "slow header": (trickle(b"HTTP/1.1 200 OK\r\nX: "), "timed out"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_bad_answer_is_explained_in_a_line_and_leaves_the_old_file(
    workdir, serve, monkeypatch, answer, reason
):
    monkeypatch.setattr(module, "TIMEOUT", 0.3)
    monkeypatch.setattr(module, "MAX_WAIT", 1)
    (workdir / "file").write_bytes(b"old")
    before = snapshot(workdir)
    with pytest.raises(UserError) as caught:
        download(serve({"x": answer}) + "x", "file", "0" * 64, most=1000, progress=False)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(workdir) == before


@pytest.mark.parametrize("length", ["abc", "5, 5", "-3", "9" * 5000])
def test_a_length_that_is_none_does_not_matter(workdir, serve, length):
    download(serve({"x": answer(f"Content-Length: {length}")}) + "x", "file")
    assert (workdir / "file").read_bytes() == b"some bytes"


def test_a_server_that_is_not_there_or_silent_is_given_up(workdir, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # never answers
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(UserError, match="timed out"):
            download(url, "file")
    with pytest.raises(UserError, match="refused"):
        download(url, "file")
    assert snapshot(workdir) == {}


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_an_answer_that_comes_after_all_is_hung_up_on(workdir, serve, monkeypatch, status):
    hung_up = threading.Event()

    def late(file):
        time.sleep(0.4)
        file.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        try:
            for _ in range(300):
                file.write(b"x")
                time.sleep(0.01)
        except ConnectionError:
            hung_up.set()

    monkeypatch.setattr(module, "MAX_WAIT", 0.1)
    with pytest.raises(UserError, match="timed out") as caught:
        download(serve({"x": late}) + "x", "file")
    assert hung_up.wait(10)
    del caught  # it kept the answer from being closed because nobody refers to it


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("prefix", ["", "folder/", "../../", "/"])
def test_takes_the_files_named_whatever_their_folder(workdir, make, prefix):
    files = {prefix + name: content for name, content in CONTENTS.items()}
    (workdir / "archive").write_bytes(make({"x.png": b"png", **files, "../evil.py": b"evil"}))
    (workdir / "out").mkdir()
    extract("archive", "out", NAMES)
    assert {str(path): content for path, content in snapshot(workdir / "out").items()} == CONTENTS
    assert {path.name for path in workdir.iterdir()} == {"archive", "out"}
    assert not (workdir.parent / "evil.py").exists()


def change_zip(content, central, local, value):
    """A zip archive with the two bytes at these offsets of its files' two headers changed."""
    content = bytearray(content)
    for mark, offset in ((b"PK\1\2", central), (b"PK\3\4", local)):
        place = content.find(mark)
        while place >= 0:
            content[place + offset : place + offset + 2] = value.to_bytes(2, "little")
            place = content.find(mark, place + 1)
    return bytes(content)


def damaged_lzma():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("first.csv", bytes(1000))
    content = bytearray(buffer.getvalue())
    content[50:56] = b"\xff" * 6
    return bytes(content)


def bad_pax():
    """A tar.gz archive of a sparse file whose places are no numbers."""
    buffer = io.BytesIO()
    info = tarfile.TarInfo("first.csv")
    info.pax_headers = {"GNU.sparse.map": "many,few", "GNU.sparse.size": "9"}
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    return buffer.getvalue()


BAD_ARCHIVES = {
    "zip with a password": (change_zip(make_zip(CONTENTS), 8, 6, 1), "is encrypted"),
    "zip of an unknown method": (change_zip(make_zip(CONTENTS), 10, 8, 77), "not supported"),
    "zip with damaged LZMA": (damaged_lzma(), "not a zip or tar.gz archive"),
    "tar with bad PAX numbers": (bad_pax(), "not a zip or tar.gz archive"),
    "tar.gz in tar.gz": (gzip.compress(make_tar(CONTENTS)), "not a zip or tar.gz archive"),
    "tar bomb": (make_tar({"x": bytes(10**6), **CONTENTS}), "more than 15,000 bytes"),
    "web page": (b"<html>please log in</html>", "not a zip or tar.gz archive"),
    "empty": (b"", "not a zip or tar.gz archive"),
    "zip cut short": (make_zip(CONTENTS)[:-100], "not a zip or tar.gz archive"),
    "tar cut short": (make_tar(CONTENTS)[:-30], "not a zip or tar.gz archive"),
    "no csv": (make_zip({"other.csv": b""}), "no first.csv and no second.csv in the archive"),
    "one csv": (make_tar({"first.csv": b"1"}), "no second.csv in the archive"),
    "links": (make_tar(dict.fromkeys(NAMES, "/etc/passwd")), "no first.csv"),
    "too large": (make_tar(dict.fromkeys(NAMES, bytes(20_000))), "more than 15,000 bytes"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_bad_archive_is_explained_in_a_line(workdir, monkeypatch, content, reason):
    monkeypatch.setattr(module, "MAX_UNPACKED", 15_000)
    (workdir / "archive").write_bytes(content)
    with pytest.raises(UserError) as caught:
        extract("archive", workdir, NAMES)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_archives_with_flipped_bytes_give_the_files_or_one_line(workdir):
    rng = np.random.default_rng(0)
    for make in (make_zip, make_tar):
        content = make(CONTENTS)
        for _ in range(150):
            changed = bytearray(content)
            changed[rng.integers(len(changed))] = rng.integers(256)
            (workdir / "archive").write_bytes(changed)
            with contextlib.suppress(UserError):
                extract("archive", workdir, NAMES)
