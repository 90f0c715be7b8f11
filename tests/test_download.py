import hashlib
import io
import socket
import tarfile
import zipfile

import pytest
from conftest import snapshot

from data import download as module
from data.download import download, extract
from data.plumbing import Problem

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


def head(*lines):
    """A function that writes an http answer of these header lines, and then a few bytes."""
    answer = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", "some bytes"]).encode()
    return lambda file: file.write(answer)


BAD_ANSWERS = {
    "wrong checksum": (b"other", "sha256 is"),
    "cut off": (head("Content-Length: 100"), "cut off after 10 of 100 bytes"),
    "404": (404, "404"),
    "500": (500, "500"),
    "http elsewhere": ("http://example.invalid/archive", "is not https"),
    "http of a name like this machine's": ("http://127.0.0.1.example.invalid/x", "is not https"),
    "file": ("file:///etc/passwd", "not allowed"),
}


@pytest.mark.parametrize(("answer", "reason"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_bad_answer_is_explained_in_a_line_and_leaves_the_old_file(workdir, serve, answer, reason):
    (workdir / "file").write_bytes(b"old")
    before = snapshot(workdir)
    with pytest.raises(Problem) as caught:
        download(serve({"x": answer}) + "x", "file", "0" * 64, progress=False)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(workdir) == before


def test_a_server_that_is_not_there_or_silent_is_given_up(workdir, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # never answers
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(Problem, match="timed out"):
            download(url, "file")
    with pytest.raises(Problem, match="refused"):
        download(url, "file")
    assert snapshot(workdir) == {}


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


BAD_ARCHIVES = {
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
    with pytest.raises(Problem) as caught:
        extract("archive", workdir, NAMES)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
