"""The photographs: fetched from a server on this machine, cut out, and written as a data set; what
cannot be had is named, and a run that was stopped goes on."""

import csv
import re
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import assert_one_line, draw_letters, shell, snapshot

from plumbing.faults import UserError
from step_2_dataset import SignLanguageMNIST
from tools import get_photos

COMMIT = "c0ffee" * 6 + "c0de"
SQUARES = [  # left, top, side, in pictures of 60x48 pixels
    (10, 5, 30),
    (-12, -7, 40),  # over two borders
    (35, 20, 44),  # over the other two
    (-20, -20, 100),  # over all
]


def draw_picture(seed):
    """A colour picture of soft stains, uint8 (48, 60, 3)."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, (60, 48), interpolation=cv2.INTER_CUBIC)


def pack(picture):
    return cv2.imencode(".png", picture)[1].tobytes()


def cut(picture, left, top, side):
    """The 28x28 grey image of a square, with OpenCV's own borders."""
    wide = cv2.copyMakeBorder(picture, 100, 100, 100, 100, cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(wide, cv2.COLOR_BGR2GRAY)[top + 100 :, left + 100 :][:side, :side]
    return cv2.resize(grey, (28, 28), interpolation=cv2.INTER_AREA)


class Content(dict):
    """What a server has, by path; it notes what was asked for."""

    def __init__(self):
        self.asked = []

    def get(self, path, default):
        self.asked.append(path)
        return super().get(path, default)


def write_table(path, photos):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([get_photos.PATTERNS, *photos])


def publish(folder, letters="ABLY", repositories=("ann/hands", "bob/signs")):
    """Photographs on a server that is not started, and a table of them in `folder`."""
    content, photos, images = Content(), [], []
    for k, letter in enumerate(letters):
        picture, square = draw_picture(k), SQUARES[k % len(SQUARES)]
        repository, path = repositories[k % len(repositories)], f"my data/{letter}/{k} é.png"
        sha1 = get_photos.git_sha1(pack(picture))
        file = f"{repository.split('/')[0]}/{letter}/{k:04}.png"
        photos.append(get_photos.Photo(file, repository, COMMIT, path, sha1, letter, *square))
        content[f"{repository}/{COMMIT}/my%20data/{letter}/{k}%20%C3%A9.png"] = pack(picture)
        images.append(cut(picture, *square))
    write_table(folder / "photos.csv", photos)
    return SimpleNamespace(
        content=content, paths=list(content), photos=photos, images=np.stack(images)
    )


@pytest.fixture
def github(workdir, serve, monkeypatch):
    """Four photographs in two repositories, on a server of this machine."""
    published = publish(workdir)
    monkeypatch.setattr(get_photos, "TABLE", workdir / "photos.csv")
    monkeypatch.setattr(get_photos, "SERVER", serve(published.content))
    return published


def read_result():
    """The classes and the images, uint8 (N, 28, 28), of the data set that was written."""
    labels, samples = SignLanguageMNIST.read_label_samples_from_csv("data/photos_train.csv.gz")
    return labels.tolist(), samples.reshape(-1, 28, 28)


# ---------------------------------------------------------------- fetching


def test_all_are_fetched_cut_out_and_written_in_order(github, workdir, capsys):
    get_photos.main([])
    classes, images = read_result()
    assert classes == [0, 1, 10, 23]  # A, B, L, Y; J has none
    np.testing.assert_array_equal(images, github.images)
    assert sorted(github.content.asked) == sorted(github.paths)
    assert [path.name for path in (workdir / "data").iterdir()] == ["photos_train.csv.gz"]
    output = capsys.readouterr().out.splitlines()
    assert output[-2:] == [
        "photographs: 100 % of 4",
        "data/photos_train.csv.gz: 4 photographs",
    ]


def test_the_same_photographs_give_the_same_bytes(github, workdir):
    get_photos.main([])
    first = snapshot(workdir)
    get_photos.main([])
    assert snapshot(workdir) == first


def cut_off(file):
    file.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\nnot much")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (404, "HTTP Error 404"),
        (pack(draw_picture(9)), "its sha1 differs"),
        (cut_off, "cut off after 8 of 1,000 bytes"),
        (b"x" * 30_000, "more than 20,000 bytes"),
    ],
    ids=["gone", "changed", "cut off", "too large"],
)
def test_one_that_cannot_be_had_is_named_and_asked_for_again(
    github, monkeypatch, capsys, answer, told
):
    monkeypatch.setattr(get_photos, "MAX_PICTURE", 20_000)
    whole, github.content[github.paths[1]] = github.content[github.paths[1]], answer
    get_photos.main([])
    classes, images = read_result()
    assert classes == [0, 10, 23]
    np.testing.assert_array_equal(images, github.images[[0, 2, 3]])
    output = capsys.readouterr().out
    assert "1 of 4 photographs could not be had:" in output
    assert re.search(rf"^ +1  .*{told}.*: bob/B/0001.png$", output, re.MULTILINE)
    assert "data/photos_train.csv.gz: 3 photographs\nthe same command" in output

    github.content.asked.clear()
    github.content[github.paths[1]] = whole
    get_photos.main([])
    assert github.content.asked == [github.paths[1]]
    np.testing.assert_array_equal(read_result()[1], github.images)
    assert not Path("data/.photos").exists()


def test_what_is_no_picture_is_told_so(github, capsys):
    """A file of Git LFS, for instance, is a few lines of text in the repository."""
    text = b"version https://git-lfs.github.com/spec/v1\n"
    github.photos[2] = github.photos[2]._replace(blob_sha1=get_photos.git_sha1(text))
    write_table("photos.csv", github.photos)
    github.content[github.paths[2]] = text
    get_photos.main([])
    assert "1  not a picture that OpenCV can read: ann/L/0002.png" in capsys.readouterr().out
    assert read_result()[0] == [0, 1, 23]


def test_a_damaged_or_stale_fetched_image_is_fetched_again(github):
    github.content[github.paths[0]] = 404
    get_photos.main([])
    for path in Path("data/.photos").glob(f"{github.photos[3].blob_sha1}*"):
        path.write_bytes(b"")
    github.photos[2] = github.photos[2]._replace(side=20)  # another square
    write_table("photos.csv", github.photos)
    github.content.asked.clear()
    get_photos.main([])
    assert sorted(github.content.asked) == sorted(github.paths[k] for k in (0, 2, 3))
    np.testing.assert_array_equal(read_result()[1][1], cut(draw_picture(2), 35, 20, 20))


def test_a_repository_that_fails_again_and_again_is_given_up(workdir, serve, monkeypatch, capsys):
    published = publish(workdir, "ABCDEFGHIKLM")
    monkeypatch.setattr(get_photos, "TABLE", workdir / "photos.csv")
    monkeypatch.setattr(get_photos, "SERVER", serve(published.content))
    monkeypatch.setattr(get_photos, "CONNECTIONS", 1)
    monkeypatch.setattr(get_photos, "GIVE_UP", 2)
    for path in published.paths[1::2]:
        published.content[path] = 429
    get_photos.main([])
    np.testing.assert_array_equal(read_result()[1], published.images[::2])
    assert len(published.content.asked) == 6 + 2
    output = capsys.readouterr().out
    assert "6 of 12 photographs could not be had:\n" in output
    names = "bob/F/0005.png, bob/H/0007.png, bob/K/0009.png ..."
    assert f"      4  not asked for, after 2 failures in a row: {names}\n" in output
    assert "      2  HTTP Error 429: Too Many Requests: bob/B/0001.png" in output


def test_without_a_server_the_old_file_stays(github, monkeypatch, workdir):
    get_photos.main([])
    before = snapshot(workdir)
    monkeypatch.setattr(get_photos, "SERVER", "http://127.0.0.1:1/")
    monkeypatch.setattr(get_photos, "CONNECTIONS", 1)
    monkeypatch.setattr(get_photos, "GIVE_UP", 1)
    with pytest.raises(UserError, match=r"^none of 4 photographs .*: Connection refused$"):
        get_photos.main([])
    assert snapshot(workdir) == before


@pytest.mark.parametrize("crops", [False, True])
def test_fewer_never_replace_more(github, workdir, crops):
    get_photos.main([])
    before = snapshot(workdir)
    github.content[github.paths[1]] = 404
    Path("crops/ann/A").mkdir(parents=True)
    Path("crops/ann/A/0000.png").write_bytes(pack(draw_picture(1)))
    with pytest.raises(UserError, match=r"has 4 photographs, \d could be had now: it stays"):
        get_photos.main(["--crops", "crops"] if crops else [])
    assert snapshot(workdir).items() >= before.items()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has no pthread_kill")
def test_a_run_that_was_stopped_goes_on(workdir, serve, monkeypatch):
    published = publish(workdir, "ABCDEFGHIKLMNOPQRSTUVWXY")
    content, stopped = published.content, threading.Event()
    monkeypatch.setattr(get_photos, "TABLE", workdir / "photos.csv")
    monkeypatch.setattr(get_photos, "SERVER", serve(content))

    def answer_late(whole):
        def answer(file):
            stopped.wait(60)
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(whole)}\r\n\r\n"
            file.write(head.encode() + whole)

        return answer

    def interrupt():  # as Ctrl-C does, once five are there and eight are under way
        wait_until(lambda: len(content.asked) == 13 and len(fetched()) == 5)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.3)  # time to begin others, which it is not to do
        stopped.set()

    def fetched():
        return list((workdir / "data/.photos").glob("[!.]*.png"))

    for path in published.paths[5:]:
        content[path] = answer_late(content[path])
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        get_photos.main([])
    thread.join()
    assert len(content.asked) == len(fetched()) == 13
    assert not (workdir / "data/photos_train.csv.gz").exists()
    get_photos.main([])
    assert sorted(content.asked) == sorted(published.paths)  # each of them once
    np.testing.assert_array_equal(read_result()[1], published.images)


def wait_until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)


# ---------------------------------------------------------------- ready crops


def test_crops_are_shrunk_and_nothing_is_fetched(github, capsys):
    crops = draw_letters(4)[0].reshape(4, 28, 28).repeat(3, 1).repeat(3, 2)[:, 10:74, 10:74]
    for photo, crop in zip(github.photos, crops, strict=True):
        path = Path("crops", photo.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), crop)
    Path("crops", github.photos[1].file).unlink()
    Path("crops", github.photos[2].file).write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    get_photos.main(["--crops", "crops"])
    classes, images = read_result()
    assert classes == [0, 23]
    expected = [cv2.resize(crops[k], (28, 28), interpolation=cv2.INTER_AREA) for k in (0, 3)]
    np.testing.assert_array_equal(images, expected)
    assert github.content.asked == []
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines() == [
        "2 of 4 photographs could not be had:",
        "      1  no such file: bob/B/0001.png",
        "      1  not a picture that OpenCV can read: ann/L/0002.png",
        "data/photos_train.csv.gz: 2 photographs",
    ]


def test_a_folder_without_crops_is_told_in_one_line(workdir):
    """By the path of the script, as a user's shell runs it."""
    process = shell("tools.get_photos", "--crops", "nowhere")
    assert_one_line(process, 1, "none of 12,152 photographs could be had: no such file")
    assert list(workdir.iterdir()) == []


def test_an_empty_name_is_refused(github, capsys):
    with pytest.raises(SystemExit) as stopped:
        get_photos.main(["--crops", ""])
    assert stopped.value.code == 2
    assert "--crops: an empty name" in capsys.readouterr().err
    assert github.content.asked == []


# ---------------------------------------------------------------- the table


def test_the_table_is_whole():
    photos = get_photos.read_table(get_photos.TABLE)
    assert len(photos) == len({photo.blob_sha1 for photo in photos}) == 12_152
    assert {photo.letter for photo in photos} == set("ABCDEFGHIKLMNOPQRSTUVWXY")
    assert all(photo.file.split("/")[1] == photo.letter for photo in photos)
    assert len({(photo.repository, photo.commit) for photo in photos}) == 11


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("file", "../../x/A/1.png", "file is '../../x/A/1.png'"),
        ("repository", "hands", "repository is 'hands'"),
        ("commit", "main", "commit is 'main'"),
        ("path", "", "path is ''"),
        ("blob_sha1", "C0FFEE", "blob_sha1 is 'C0FFEE'"),
        ("letter", "J", "letter is 'J'"),
        ("left", "1.5", "left is '1.5'"),
        ("top", "9" * 5000, "top is '999"),
        ("side", "0", "side is '0'"),
        ("side", "-5", "side is '-5'"),
        ("side", "5,7", "10 values instead of 9"),
        ("path", '"open', "unexpected end of data"),
        ("path", "\udcff", "not UTF-8 text"),  # the byte 255
    ],
)
def test_a_bad_row_is_told_with_its_line(github, workdir, column, value, told):
    values = [*map(str, github.photos[1])]
    values[get_photos.Photo._fields.index(column)] = value
    lines = (workdir / "photos.csv").read_text(encoding="utf-8").splitlines()
    lines[2:] = [",".join(values)]
    text = "\n".join([*lines, ""])
    (workdir / "photos.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=re.escape(told)) as problem:
        get_photos.main([])
    assert str(problem.value).startswith(f"{workdir / 'photos.csv'}")
    assert ", line 3: " in str(problem.value) or "UTF-8" in told
    assert len(str(problem.value)) < 300
    assert github.content.asked == []
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("lines", "told"),
    [(0, "line 1: the header is not file,repository,"), (1, "no rows after the header")],
)
def test_a_table_without_rows_is_refused(github, workdir, lines, told):
    table = workdir / "photos.csv"
    head = table.read_text(encoding="utf-8").splitlines(keepends=True)[:lines]
    table.write_text("".join(head), encoding="utf-8")
    with pytest.raises(UserError, match=told):
        get_photos.main([])
