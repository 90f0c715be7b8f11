import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import numpy as np
import pytest
import torch
from conftest import FILE_LABELS, HEADER, assert_one_line, draw_letters, shell, write_csv
from torch.utils.data import DataLoader

import step_2_dataset as step_2
from step_2_dataset import DataError, SignLanguageMNIST, get_train_test_loaders

ZEROS = ",".join(["0"] * 784)
NAMES = ("sign_mnist_train.csv", "sign_mnist_test.csv")


def read(path):
    return SignLanguageMNIST.read_label_samples_from_csv(path)


# ---------------------------------------------------------------- reading


def test_label_mapping_leaves_out_j_and_z():
    mapping = SignLanguageMNIST.get_label_mapping()
    letters = "".join(chr(ord("A") + label) for label in mapping)
    assert letters == step_2.LETTERS == "ABCDEFGHIKLMNOPQRSTUVWXY"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_reads_what_was_written(workdir, newline, suffix):
    images, labels = draw_letters(30)
    write_csv("small.csv", images, labels, newline)
    if suffix:
        with gzip.open("small.csv.gz", "wb") as file:
            file.write((workdir / "small.csv").read_bytes())
    read_labels, samples = read("small.csv" + suffix)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, images)
    assert [FILE_LABELS[number] for number in read_labels] == labels.tolist()


def test_reads_a_byte_order_mark_spaces_and_no_final_newline(workdir):
    text = f"\ufeff{HEADER}\n3, {ZEROS}\n\n4,{ZEROS}"
    (workdir / "small.csv").write_text(text, encoding="utf-8")
    labels, samples = read("small.csv")
    assert labels.tolist() == [3, 4]
    assert samples.shape == (2, 784)


BAD_ROWS = {
    "short": (f"3,{ZEROS[:-2]}", "784 values instead of 785"),
    "long": (f"3,{ZEROS},0", "786 values instead of 785"),
    "trailing comma": (f"3,{ZEROS},", "786 values"),
    "other separator": (f"3;{ZEROS.replace(',', ';')}", "1 values instead of 785"),
    "text": (f"3,red{ZEROS[1:]}", "pixel1 is 'red'"),
    "fraction": (f"3,{ZEROS[:-1]}0.5", "pixel784 is '0.5'"),
    "negative": (f"3,-1{ZEROS[1:]}", "pixel1 is '-1'"),
    "above 255": (f"3,256{ZEROS[1:]}", "pixel1 is '256'"),
    "empty value": (f"3,{ZEROS[1:]}", "pixel1 is ''"),
    "label 9": (f"9,{ZEROS}", "label '9' instead of 0..24 without 9"),
    "label 25": (f"25,{ZEROS}", "label '25'"),
    "label 300": (f"300,{ZEROS}", "label '300'"),
    "label letter": (f"A,{ZEROS}", "label 'A'"),
    "comment": (f"# 3,{ZEROS}", "label '# 3'"),
}


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_row_is_named_with_its_line(workdir, row, reason):
    # The blank line counts: line numbers are those that an editor shows.
    (workdir / "bad.csv").write_text(f"{HEADER}\n\n3,{ZEROS}\n{row}\n4,{ZEROS}\n")
    with pytest.raises(DataError) as caught:
        read("bad.csv")
    assert str(caught.value).startswith("bad.csv, line 4: ")
    assert reason in str(caught.value)


def test_every_row_short_is_refused(workdir):
    (workdir / "bad.csv").write_text(f"{HEADER}\n3,{ZEROS[:-2]}\n3,{ZEROS[:-2]}\n")
    with pytest.raises(DataError, match=r"bad.csv, line 2: 784 values"):
        read("bad.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: the header is not"),
        (b"label,pixel1\n3,4\n", "line 1: the header is not"),
        (f"3,{ZEROS}\n".encode(), "line 1: the header is not"),
        (f"{HEADER}\n".encode(), "no rows after the header"),
        (f"{HEADER}\n\n\r\n".encode(), "no rows after the header"),
        (f"{HEADER}\n\n \n".encode(), "line 3: 1 values instead of 785"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
        (f"{HEADER}\n3,{ZEROS}\n\xe9".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_file_that_is_no_data_set_is_refused(workdir, content, reason):
    (workdir / "bad.csv").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read("bad.csv")


def test_damaged_gzip_is_refused(workdir):
    packed = gzip.compress(f"{HEADER}\n3,{ZEROS}\n".encode())
    for content in (packed[:-20], b"not gzip", packed[:30] + b"\xff\xff" + packed[32:]):
        (workdir / "bad.csv.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"bad.csv.gz: damaged or cut short"):
            read("bad.csv.gz")


def test_missing_file_and_folder_are_named(workdir):
    with pytest.raises(FileNotFoundError, match=r"none.csv: no such file; python step_2_dataset"):
        read("none.csv")
    (workdir / "folder.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"folder.csv: a folder"):
        read("folder.csv")


# ---------------------------------------------------------------- the Dataset


def test_item_is_the_normalised_image_as_it_is(data):
    images, labels = draw_letters(480)
    dataset = SignLanguageMNIST("data/sign_mnist_train.csv")
    assert len(dataset) == 480
    item = dataset[37]
    assert item["image"].shape == (1, 28, 28)
    assert item["image"].dtype == torch.float32
    expected = (images[37].reshape(1, 28, 28) / 255 - 0.485) / 0.229
    np.testing.assert_allclose(item["image"], expected, atol=1e-6)
    assert item["label"].shape == (1,)
    assert FILE_LABELS[int(item["label"])] == labels[37]


def test_mean_and_std_are_the_callers(data):
    item = SignLanguageMNIST("data/sign_mnist_train.csv", [0.5], [0.25])[0]
    expected = (draw_letters(480)[0][0].reshape(1, 28, 28) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(item["image"], expected, atol=1e-6)


def test_index_past_the_end_and_iteration(data):
    dataset = SignLanguageMNIST("data/sign_mnist_test.csv")
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    assert torch.equal(dataset[-1]["image"], dataset[95]["image"])
    assert sum(1 for _ in dataset) == 96


def test_batches_of_any_loader_equal_items(data):
    dataset = SignLanguageMNIST("data/sign_mnist_test.csv")
    batch = next(iter(DataLoader(dataset, batch_size=7)))
    assert batch["image"].shape == (7, 1, 28, 28)
    assert batch["label"].shape == (7, 1)
    for number in range(7):
        assert torch.equal(batch["image"][number], dataset[number]["image"])
        assert torch.equal(batch["label"][number], dataset[number]["label"])


def test_loaders_shuffle_and_augment_training_only(data):
    train, test = get_train_test_loaders()
    assert (train.batch_size, len(train.dataset), len(test.dataset)) == (32, 480, 96)
    assert not torch.equal(train.dataset[0]["image"], train.dataset[0]["image"])
    first, second = ([batch["label"] for batch in train] for _ in range(2))
    assert not torch.equal(torch.cat(first), torch.cat(second))
    assert torch.equal(torch.cat(first).sort(0)[0], torch.cat(second).sort(0)[0])
    for number, batch in enumerate(test):
        assert torch.equal(batch["image"][0], test.dataset[number * 32]["image"])


def test_loaders_read_gzip_where_there_is_no_plain_file(data):
    plain = data / "data/sign_mnist_test.csv"
    with gzip.open(f"{plain}.gz", "wb") as file:
        file.write(plain.read_bytes())
    plain.unlink()
    assert len(get_train_test_loaders()[1].dataset) == 96


def test_all_sets_in_data_are_joined_or_one_is_named(data):
    write_csv(data / "data/rendered_train.csv", *draw_letters(72, seed=2))
    write_csv(data / "data/rendered_test.csv", *draw_letters(24, seed=3))
    train, test = get_train_test_loaders()
    assert (len(train.dataset), len(test.dataset)) == (480 + 72, 96 + 24)
    train, test = get_train_test_loaders(sets=["rendered hands"])
    assert (len(train.dataset), len(test.dataset)) == (72, 24)
    own = SignLanguageMNIST("data/rendered_test.csv")
    assert torch.equal(test.dataset[5]["image"], own[5]["image"])


@pytest.mark.parametrize("sets", [None, ["rendered hands", "Sign Language MNIST"]])
def test_a_quarter_of_the_images_drawn_are_real(data, sets):
    """Whatever their sizes and order: 480 real images, 24 others in data/ and 72 named ones."""
    write_csv(data / "data/rendered_train.csv", *draw_letters(24, seed=2))
    write_csv(data / "data/rendered_test.csv", *draw_letters(24, seed=3))
    write_csv(data / "more.csv", *draw_letters(72, seed=4))
    torch.manual_seed(0)
    train, test = get_train_test_loaders(sets=sets, extra=["more.csv"])
    assert (len(train.dataset), len(test.dataset), len(train)) == (576, 96 + 24, 576 / 32)
    real = slice(24, 504) if sets else slice(480)
    counts = torch.zeros(576)
    for _ in range(80):  # 24 draws of each real image: none is left out
        drawn = torch.tensor(list(train.sampler))
        assert len(drawn) == 576
        counts += drawn.bincount(minlength=576)
    assert counts.min() > 0
    assert 0.23 < counts[real].sum() / counts.sum() < 0.27
    assert 0.73 < counts[504:].sum() / (counts.sum() - counts[real].sum()) < 0.77


def test_one_kind_of_images_is_shuffled_whole(data):
    """Every image once in an epoch, be the files one or two."""
    (data / "data/sign_mnist_train.csv").rename(data / "data/rendered_train.csv")
    (data / "data/sign_mnist_test.csv").rename(data / "data/rendered_test.csv")
    write_csv(data / "more.csv", *draw_letters(72, seed=4))
    train, _ = get_train_test_loaders(extra=["more.csv"])
    drawn = list(train.sampler)
    assert drawn != sorted(drawn)
    assert sorted(drawn) == list(range(480 + 72))


# ---------------------------------------------------------------- augmentation


def test_item_and_batch_are_augmented_alike(data):
    """The same image, one at a time and in one batch: mean and spread of every pixel agree."""
    dataset = SignLanguageMNIST("data/sign_mnist_train.csv", augment=True)
    torch.manual_seed(0)
    singles = torch.stack([dataset[5]["image"] for _ in range(3000)])
    batch = torch.stack([item["image"] for item in dataset.__getitems__([5] * 3000)])
    noise = singles.std(0) * (2 / 3000) ** 0.5  # standard error of a difference of means
    assert ((singles.mean(0) - batch.mean(0)).abs() < 5 * noise).all()
    assert ((singles.std(0) / batch.std(0) - 1).abs() < 0.2).all()


def test_augmented_images_stay_in_range_and_differ():
    torch.manual_seed(0)
    images = torch.rand(1, 1, 28, 28).repeat(64, 1, 1, 1)
    varied = step_2.augment(images)
    assert varied.shape == images.shape
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert len(varied.flatten(1).unique(dim=0)) == 64
    assert torch.equal(images, images[:1].repeat(64, 1, 1, 1))  # the argument is left alone


def test_augmentation_moves_mirrors_and_zooms_both_ways(monkeypatch):
    """A disc right of the middle lands on both sides, and comes out larger and smaller."""
    monkeypatch.setattr(step_2, "MAX_CONTRAST", 0)
    monkeypatch.setattr(step_2, "MAX_BRIGHTNESS", 0)
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    disc = ((x - 19).square() + (y - 13.5).square() < 16).float().expand(500, 1, 28, 28)
    varied = step_2.augment(disc)
    area = varied.sum(dim=(1, 2, 3)) / disc[0].sum()
    middle = (varied * x).sum(dim=(1, 2, 3)) / varied.sum(dim=(1, 2, 3))
    assert 0.4 < (middle < 13.5).float().mean() < 0.6
    assert area.min() < 0.8
    assert area.max() > 1.2


# ---------------------------------------------------------------- getting the data


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` by path: bytes, (bytes, length claimed), or an int, an error status, or a
    str, a redirection."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = self.server.content.get(self.path[1:], 404)
        if isinstance(answer, int):
            return self.send_error(answer)
        if isinstance(answer, str):
            self.send_response(302)
            self.send_header("Location", answer)
            return self.end_headers()
        body, length = answer if isinstance(answer, tuple) else (answer, len(answer))
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def small_files(tmp_path_factory, monkeypatch):
    """A folder of two small csv files, which count as the published data set during a test."""
    folder = tmp_path_factory.mktemp("published")
    published = {}
    for seed, name in enumerate(NAMES):
        images, labels = draw_letters(48, seed)
        write_csv(folder / name, images, labels)
        rows = np.column_stack([labels, images]).astype(np.uint8)
        published[name] = (48, hashlib.sha256(rows).hexdigest())
    monkeypatch.setattr(step_2, "PUBLISHED", published)
    return folder


@pytest.fixture
def serve(monkeypatch):
    """Serve archives from this machine as if they were where the data set lies."""
    servers = []

    def start(content, sha256=None, path="archive"):
        servers.append(Server(content))
        monkeypatch.setattr(step_2, "ARCHIVES", [(servers[-1].url(path), sha256)])
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def make_zip(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(files):
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


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("prefix", ["", "sign_mnist/", "../../", "/"])
def test_download_takes_the_two_files_whatever_their_folder(
    workdir, small_files, serve, make, prefix
):
    files = {prefix + name: (small_files / name).read_bytes() for name in NAMES}
    archive = make({**files, "amer_sign2.png": b"png", "../evil.py": b"evil"})
    serve({"archive": archive}, hashlib.sha256(archive).hexdigest())
    step_2.get_data()
    assert snapshot(workdir / "data") == snapshot(small_files)
    assert {path.name for path in workdir.iterdir()} == {"data"}
    assert not (workdir.parent / "evil.py").exists()


def test_download_says_how_far_it_is(workdir, small_files, serve, capsys):
    archive = make_zip({name: (small_files / name).read_bytes() for name in NAMES} | {"x": b"x"})
    serve({"archive": archive + b"\0" * (4 * step_2.CHUNK)})
    with pytest.raises(DataError):  # a zip file with so much behind it is none
        step_2.get_data()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert lines[-1].startswith("downloaded 1.")


def bad_downloads():
    good = {name: f"{HEADER}\n3,{ZEROS}\n".encode() for name in NAMES}
    archive = make_zip(good)
    train, test = NAMES
    return {
        "wrong checksum": (archive, "sha256 is"),
        "cut off": ((archive[:-100], len(archive)), "cut off after"),
        "404": (404, "404"),
        "500": (500, "500"),
        "not an archive": (
            b"<html>please log in</html>",
            "not a zip or tar archive, or a damaged one",
        ),
        "no csv": (make_zip({"other.csv": b""}), "no sign_mnist_train.csv in the archive"),
        "one csv": (make_zip({train: good[train]}), "no sign_mnist_test.csv in the archive"),
        "other data": (archive, "1 rows instead of the published 48"),
        "not csv": (make_zip({train: b"a,b\n", test: b""}), "line 1: the header is not"),
        "link": (make_tar({train: "/etc/passwd", test: "/etc/passwd"}), "no sign_mnist_train.csv"),
        "http elsewhere": ("http://example.invalid/archive", "is not https"),
        "file": ("file:///etc/passwd", "not allowed"),
    }


@pytest.mark.parametrize(("answer", "reason"), bad_downloads().values(), ids=bad_downloads())
@pytest.mark.parametrize("before", ["empty", "one file"])
def test_failed_download_is_explained_and_leaves_data_alone(
    workdir, small_files, serve, answer, reason, before
):
    (workdir / "data").mkdir()
    if before == "one file":
        write_csv(workdir / "data" / NAMES[0], *draw_letters(24))
    old = snapshot(workdir)
    serve({"archive": answer}, "0" * 64 if reason == "sha256 is" else None)
    with pytest.raises(DataError, match="--from FOLDER") as caught:
        step_2.get_data()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(workdir) == old
    assert [path for path in (workdir / "data").iterdir() if path.name not in NAMES] == []


def test_no_server_is_explained(workdir, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port  # closed when the block ends: nobody listens there
    monkeypatch.setattr(step_2, "ARCHIVES", [(f"http://127.0.0.1:{port}/archive", None)])
    with pytest.raises(DataError, match="refused"):
        step_2.get_data()
    assert list((workdir / "data").iterdir()) == []


def test_silent_server_is_given_up(workdir, monkeypatch):
    monkeypatch.setattr(step_2, "TIMEOUT", 0.2)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:  # listens, never answers
        url = f"http://127.0.0.1:{server.server_port}/archive"
        monkeypatch.setattr(step_2, "ARCHIVES", [(url, None)])
        with pytest.raises(DataError, match="timed out"):
            step_2.get_data()


def test_second_archive_is_tried(workdir, small_files, serve, monkeypatch):
    archive = make_tar({f"data/{name}": (small_files / name).read_bytes() for name in NAMES})
    server = serve({"tar": archive})
    urls = [(server.url("gone"), "0" * 64), (server.url("tar"), None)]
    monkeypatch.setattr(step_2, "ARCHIVES", urls)
    step_2.get_data()
    assert snapshot(workdir / "data") == snapshot(small_files)


def test_both_urls_of_the_data_set_are_https():
    for url, _ in step_2.ARCHIVES:
        step_2._require_safe(url)
        assert url.startswith("https://")
    with pytest.raises(DataError, match="not https"):
        step_2._require_safe("http://127.0.0.1.example.invalid/x")


def test_files_in_data_are_used_as_they_are(data, monkeypatch):
    old = snapshot(data)
    monkeypatch.setenv("SIGN_MNIST_DIR", "/nowhere")
    step_2.get_data()
    assert snapshot(data) == old


@pytest.mark.parametrize("packed", [False, True])
def test_from_copies_checked_files_over_the_old(data, small_files, packed):
    expected = snapshot(small_files)
    if packed:
        for name in NAMES:
            (small_files / f"{name}.gz").write_bytes(
                gzip.compress(expected[(small_files / name).relative_to(small_files)])
            )
            (small_files / name).unlink()
    step_2.get_data(small_files)
    assert snapshot(data / "data") == expected


def test_environment_names_the_folder_too(workdir, small_files, monkeypatch):
    monkeypatch.setenv("SIGN_MNIST_DIR", str(small_files))
    step_2.get_data()
    assert snapshot(workdir / "data") == snapshot(small_files)


def test_bad_file_in_from_leaves_data_alone(data, small_files):
    old = snapshot(data)
    (small_files / NAMES[1]).write_text(f"{HEADER}\n9,{ZEROS}\n")
    with pytest.raises(DataError, match=r"sign_mnist_test.csv, line 2: label '9'"):
        step_2.get_data(small_files)
    assert snapshot(data) == old


# ---------------------------------------------------------------- the script


def test_script_prints_a_batch_and_draws_samples(data):
    process = shell("step_2_dataset.py")
    assert process.returncode == 0, process.stderr
    assert "{'image': tensor([[[[" in process.stdout
    assert "sign_mnist_train.csv: 480 images, Sign Language MNIST (note: 480 rows" in process.stdout
    assert (data / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_download_the_rendered_hands_are_used(workdir, monkeypatch, capsys):
    monkeypatch.setattr(step_2, "ARCHIVES", [("http://127.0.0.1:9/archive", None)])
    with pytest.raises(step_2.DownloadError):
        step_2.main([])
    write_csv("data/rendered_train.csv", *draw_letters(48))
    write_csv("data/rendered_test.csv", *draw_letters(24))
    step_2.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Only the rendered hands that come with the project are used: ")
    assert "python step_2_dataset.py --from FOLDER" in lines[0]
    assert lines[1].endswith("rendered_train.csv: 48 images, rendered hands")


def test_script_explains_failures_in_one_line(workdir):
    assert_one_line(shell("step_2_dataset.py", "--from", "nowhere"), 1, "nowhere", "no such file")
    assert_one_line(shell("step_2_dataset.py", "--form", "x"), 2, "unrecognized arguments")
    for name in NAMES:
        (workdir / "data" / name).write_text(f"{HEADER}\n25,{ZEROS}\n")
    assert_one_line(shell("step_2_dataset.py"), 1, "step_2_dataset.py: data", "line 2: label '25'")
    assert not (workdir / "samples.png").exists()


def test_interrupted_write_leaves_the_old_file_whole(workdir, monkeypatch):
    (workdir / "file").write_bytes(b"old")

    def fail(self, content):
        self.open("wb").close()
        raise OSError("No space left on device")

    monkeypatch.setattr(step_2.Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        step_2.write_file("file", b"new")
    assert {path.name: path.read_bytes() for path in workdir.iterdir()} == {"file": b"old"}


def test_real_data_set_is_the_published_one(sign_mnist):
    for name, count in zip(NAMES, (27455, 7172), strict=True):
        labels, samples = read(sign_mnist / name)
        assert samples.shape == (count, 784)
        assert set(labels.tolist()) == set(range(24))
        assert step_2.difference_from_published(sign_mnist / name) is None
