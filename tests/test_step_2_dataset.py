import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest
import torch
from conftest import (
    FILE_LABELS,
    HEADER,
    LETTERS,
    ROOT,
    assert_one_line,
    draw_letters,
    shell,
    snapshot,
    write_csv,
)
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import affine

import plumbing.affine
import step_2_dataset as step_2
from plumbing import read_csv
from plumbing import sign_mnist as sign_mnist_files
from plumbing.faults import UserError
from plumbing.near_duplicates import hold_out
from step_2_dataset import SIZE, SignLanguageMNIST, get_train_test_loaders

ZEROS = ",".join(["0"] * 784)
NAMES = ("sign_mnist_train.csv", "sign_mnist_test.csv")


def write_no_hand(folder, train=40, test=10):
    """Write images without a hand, bright all over, into the folder data/ of `folder`."""
    for name, count in (("train", train), ("test", test)):
        images = np.full((count, 784), 200, np.uint8)
        write_csv(folder / f"data/no_hand_{name}.csv", images, np.full(count, 26))


def read(path):
    return SignLanguageMNIST.read_label_samples_from_csv(path)


# ---------------------------------------------------------------- reading


def test_label_mapping_leaves_out_j_and_z():
    assert SignLanguageMNIST.get_label_mapping() == FILE_LABELS, (
        "LETTERS in step_2_dataset.py and in tests/conftest.py differ; change both, and what both "
        "README files say of the alphabet: other tests then name the data and model that lack it"
    )
    assert step_2.LETTERS == LETTERS


@pytest.mark.parametrize("part", ["train", "test"])
def test_embedded_hands_show_every_letter(part):
    path = ROOT / f"data/rendered_{part}.csv.gz"
    shown = {step_2.LETTERS[number] for number in np.unique(read(path)[0])}
    assert shown == set(LETTERS), f"{path.name}: draw it again, data/README.md says how"


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
    "other separator": (f"3;{ZEROS.replace(',', ';')}", "1 value instead of 785"),
    "text": (f"3,red{ZEROS[1:]}", "pixel1 is 'red'"),
    "fraction": (f"3,{ZEROS[:-1]}0.5", "pixel784 is '0.5'"),
    "negative": (f"3,-1{ZEROS[1:]}", "pixel1 is '-1'"),
    "above 255": (f"3,256{ZEROS[1:]}", "pixel1 is '256'"),
    "empty value": (f"3,{ZEROS[1:]}", "pixel1 is ''"),
    "label 9": (
        f"9,{ZEROS}",
        "label '9' is not one of 0..8, 10..24, 26; if labels run from 0 to 23",
    ),
    "label 25": (f"25,{ZEROS}", "label '25'"),
    "label 300": (f"300,{ZEROS}", "label '300'"),
    "label letter": (f"A,{ZEROS}", "label 'A'"),
    "label J": (f"J,{ZEROS}", "J and Z are signed with a motion: leave such rows out"),
    "5,000 digits": (f"3,{'1' * 5000}{ZEROS[1:]}", "pixel1 is '11111111111111111111...'"),
    "label of 5,000 digits": (f"{'1' * 5000},{ZEROS}", "label '11111111111111111111...'"),
    "longer than a row can be": (f"3,{' ' * 60_000}{ZEROS}", "longer than 50,000 characters"),
    "comment": (f"# 3,{ZEROS}", "label '# 3'"),
}


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_row_is_named_with_its_line(workdir, row, reason):
    # The blank line counts: line numbers are those that an editor shows.
    (workdir / "bad.csv").write_text(f"{HEADER}\n\n3,{ZEROS}\n{row}\n4,{ZEROS}\n")
    with pytest.raises(UserError) as caught:
        read("bad.csv")
    assert str(caught.value).startswith("bad.csv, line 4: ")
    assert reason in str(caught.value)


def test_every_row_short_is_refused(workdir):
    (workdir / "bad.csv").write_text(f"{HEADER}\n3,{ZEROS[:-2]}\n3,{ZEROS[:-2]}\n")
    with pytest.raises(UserError, match=r"bad.csv, line 2: 784 values"):
        read("bad.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty, without a header and rows"),
        (b"label,pixel1\n3,4\n", "line 1: the header is not"),
        (f"{HEADER}\n".encode(), "no rows after the header"),
        (f"{HEADER}\n\n\r\n".encode(), "no rows after the header"),
        (f"{HEADER}\n\n \n".encode(), "line 3: 1 value instead of 785"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
        (f"{HEADER}\n3,{ZEROS}\n\xe9".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_file_that_is_no_data_set_is_refused(workdir, content, reason):
    (workdir / "bad.csv").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read("bad.csv")


def test_damaged_gzip_is_refused(workdir):
    packed = gzip.compress(f"{HEADER}\n3,{ZEROS}\n".encode())
    for content in (packed[:-20], b"not gzip", packed[:30] + b"\xff\xff" + packed[32:]):
        (workdir / "bad.csv.gz").write_bytes(content)
        with pytest.raises(UserError, match=r"bad.csv.gz: damaged or cut short"):
            read("bad.csv.gz")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\n" * 3000, "more than 2,000 lines"),
        ("0" * 10**7, "line 2: longer than 50,000 characters"),
        (f"3,{ZEROS}\n" * 3000, "more than 2,000 lines"),
    ],
    ids=["newlines", "zeros", "rows"],
)
def test_file_that_has_no_end_is_refused_when_it_is_too_long(workdir, monkeypatch, content, reason):
    monkeypatch.setattr(read_csv, "MAX_LINES", 2000)
    with gzip.open("bomb.csv.gz", "wt", compresslevel=1) as file:
        file.write(f"{HEADER}\n{content}")
    with pytest.raises(UserError, match=reason):
        read("bomb.csv.gz")


def test_missing_file_and_folder_are_named(workdir):
    with pytest.raises(FileNotFoundError, match=r"none.csv: no such file; python step_2_dataset"):
        read("none.csv")
    (workdir / "folder.csv").mkdir()
    os.mkfifo("pipe.csv")  # to open it would wait for ever
    for name in ("folder.csv", "pipe.csv"):
        with pytest.raises(UserError, match=f"{name}: a folder or a device, not a file"):
            read(name)


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


def drawn_shares(loader, lengths):
    """The share of each file's images in what `loader` draws, in some epochs, and whether every
    image was drawn."""
    counts = torch.zeros(sum(lengths))
    for _ in range(60):
        counts += torch.tensor(list(loader.sampler)).bincount(minlength=len(counts))
    return [part.sum() / counts.sum() for part in counts.split(lengths)], counts.min() > 0


@pytest.mark.parametrize("order", [1, -1])
def test_each_kind_of_images_has_its_share_whatever_their_numbers(data, monkeypatch, order):
    """480 of Sign Language MNIST, 24 rendered ones in data/ and 72 in another file."""
    shares = {"Sign Language MNIST": 1, "rendered hands": 3}
    monkeypatch.setattr(step_2, "SHARES", step_2.SHARES | shares)
    write_csv(data / "data/rendered_train.csv", *draw_letters(24, seed=2))
    write_csv(data / "data/rendered_test.csv", *draw_letters(24, seed=3))
    write_csv(data / "more.csv", *draw_letters(72, seed=4))
    torch.manual_seed(0)
    sets = ["Sign Language MNIST", "rendered hands"][::order]
    train, test = get_train_test_loaders(sets=sets, extra=["more.csv"])
    assert (len(train.dataset), len(test.dataset), len(train)) == (576, 96 + 24, 576 / 32)
    shares, all_drawn = drawn_shares(train, [*[480, 24][::order], 72])
    assert all_drawn
    assert shares == pytest.approx([*[1 / 4, 3 / 16][::order], 9 / 16], abs=0.02)


def test_photographs_and_images_without_a_hand_have_theirs(data, monkeypatch):
    """Two and one in eleven where four kinds are there."""
    weights = dict(zip(step_2.SHARES, (2, 6, 2, 1, 9), strict=True))
    monkeypatch.setattr(step_2, "SHARES", weights)
    write_csv(data / "data/rendered_train.csv", *draw_letters(48, seed=2))
    write_csv(data / "data/rendered_test.csv", *draw_letters(24, seed=3))
    write_csv(data / "data/photos_train.csv", *draw_letters(48, seed=4))
    write_no_hand(data)
    names = ["Sign Language MNIST", "rendered hands", "photographs", "no hand"]
    assert step_2.available_sets() == names == list(step_2.SHARES)[:4]
    torch.manual_seed(0)
    train, test = get_train_test_loaders(sets=names)
    assert (len(train.dataset), len(test.dataset)) == (480 + 48 + 48 + 40, 96 + 24 + 10)
    shares, _ = drawn_shares(train, [480, 48, 48, 40])
    assert shares == pytest.approx([2 / 11, 6 / 11, 2 / 11, 1 / 11], abs=0.02)
    (data / "data/photos_train.csv").unlink()
    shares, _ = drawn_shares(get_train_test_loaders(sets=step_2.available_sets())[0], [480, 48, 40])
    assert shares == pytest.approx([2 / 9, 6 / 9, 1 / 9], abs=0.02)


def test_a_set_named_gives_its_test_images_if_it_has_any(data):
    write_csv(data / "data/photos_train.csv", *draw_letters(48, seed=4))
    write_no_hand(data)
    train, test = get_train_test_loaders(sets=["no hand"])
    assert (len(train.dataset), len(test.dataset)) == (40, 10)
    assert {item["label"].item() for item in test.dataset} == {step_2.NO_HAND}
    train, test = get_train_test_loaders(sets=["photographs"])
    assert (len(train.dataset), len(test.dataset), list(test)) == (48, 0, [])


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


def test_every_access_gives_another_variation(data):
    dataset = SignLanguageMNIST("data/sign_mnist_train.csv", augment=True)
    torch.manual_seed(0)
    items = [dataset[5], dataset[5], *dataset.__getitems__([5, 5])]
    assert len(torch.stack([item["image"].flatten() for item in items]).unique(dim=0)) == 4
    assert {item["label"].item() for item in items} == {5}


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


@pytest.fixture
def small_files(tmp_path_factory, monkeypatch):
    """A folder of two small csv files, which count as the published data set during a test."""
    folder = tmp_path_factory.mktemp("published")
    published = {}
    for seed, name in enumerate(NAMES):
        images, labels = draw_letters(48, seed)
        write_csv(folder / name, images, labels)
        rows = np.column_stack([labels, images]).astype(np.uint8)
        published[name] = hashlib.sha256(rows).hexdigest()
    monkeypatch.setattr(sign_mnist_files, "PUBLISHED", published)
    return folder


@pytest.fixture
def archives(serve, monkeypatch):
    """A function that serves archives, the contents of zip files, as if the data set lay there."""

    def start(*contents):
        packed = {}
        for number, files in enumerate(contents):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            packed[str(number)] = buffer.getvalue()
        url = serve(packed)
        monkeypatch.setattr(sign_mnist_files, "ARCHIVES", [(url + name, None) for name in packed])

    return start


def test_download_puts_the_published_files_into_data(workdir, small_files, archives):
    """Those of the second archive, if the first has others."""
    good = {f"folder/{name}": (small_files / name).read_bytes() for name in NAMES}
    archives({**good, NAMES[0]: f"{HEADER}\n3,{ZEROS}\n".encode(), f"folder/{NAMES[0]}": b""}, good)
    sign_mnist_files.get_data()
    assert snapshot(workdir / "data") == snapshot(small_files)


BAD_FILES = {
    "none": ({"other.csv": b""}, "no sign_mnist_train.csv and no sign_mnist_test.csv"),
    "other values": (
        dict.fromkeys(NAMES, f"{HEADER}\n3,{ZEROS}\n".encode()),
        "sign_mnist_train.csv in the archive is not the published one",
    ),
    "no images": (dict.fromkeys(NAMES, b"a,b\n"), "line 1: the header is not"),
    "not text": (dict.fromkeys(NAMES, b"\xff\xfe"), "not UTF-8 text"),
}


@pytest.mark.parametrize(("files", "reason"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("before", ["empty", "one file"])
def test_failed_download_is_explained_and_leaves_data_alone(
    workdir, small_files, archives, files, reason, before
):
    (workdir / "data").mkdir()
    if before == "one file":
        write_csv(workdir / "data" / NAMES[0], *draw_letters(24))
    old = snapshot(workdir)
    archives(files)
    with pytest.raises(UserError, match="--from FOLDER") as caught:
        sign_mnist_files.get_data()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert snapshot(workdir) == old
    assert [path for path in (workdir / "data").iterdir() if path.name not in NAMES] == []


def test_files_in_data_are_used_as_they_are(data, monkeypatch):
    old = snapshot(data)
    monkeypatch.setenv("SIGN_MNIST_DIR", "/nowhere")
    sign_mnist_files.get_data()
    assert snapshot(data) == old


@pytest.mark.parametrize("packed", [False, True])
def test_from_copies_checked_files_over_the_old(data, small_files, packed):
    expected = snapshot(small_files)
    if packed:
        for path in [small_files / name for name in NAMES]:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    sign_mnist_files.get_data(small_files)
    assert snapshot(data / "data") == expected


def test_environment_names_the_folder_too(workdir, small_files, monkeypatch):
    monkeypatch.setenv("SIGN_MNIST_DIR", str(small_files))
    sign_mnist_files.get_data()
    assert snapshot(workdir / "data") == snapshot(small_files)


def test_bad_file_in_from_leaves_data_alone(data, small_files):
    old = snapshot(data)
    (small_files / NAMES[1]).write_text(f"{HEADER}\n25,{ZEROS}\n")
    with pytest.raises(UserError, match=r"sign_mnist_test.csv, line 2: label '25'"):
        sign_mnist_files.get_data(small_files)
    (small_files / NAMES[1]).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"sign_mnist_test.csv: no such file; .* that folder"
    ):
        sign_mnist_files.get_data(small_files)
    assert snapshot(data) == old


# ---------------------------------------------------------------- the script


def test_script_prints_a_batch_and_draws_samples(data, capsys):
    write_no_hand(data)
    step_2.main([])
    output = capsys.readouterr().out
    note = "Sign Language MNIST (note: not the published ones)"
    assert f"{data.relative_to(data) / 'data/sign_mnist_train.csv'}: 480 images, {note}" in output
    assert f"data/sign_mnist_test.csv: 96 images, {note}" in output
    assert "data/no_hand_train.csv: 40 images, no hand\n" in output
    assert "data/no_hand_test.csv: 10 images, no hand\n" in output
    assert "{'image': tensor([[[[" in output
    assert (data / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_script_reads_each_file_once(data, monkeypatch):
    calls = []
    read_rows = step_2.read_rows
    monkeypatch.setattr(step_2, "read_rows", lambda path: calls.append(path) or read_rows(path))
    step_2.main([])
    assert sorted(path.name for path in calls) == sorted(NAMES)


def test_without_a_download_the_rendered_hands_are_used(workdir, monkeypatch, capsys):
    monkeypatch.setattr(sign_mnist_files, "ARCHIVES", [("http://127.0.0.1:9/archive", None)])
    with pytest.raises(UserError, match="no download"):
        step_2.main([])
    write_csv("data/rendered_train.csv", *draw_letters(48))
    write_csv("data/rendered_test.csv", *draw_letters(24))
    step_2.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Only the rendered hands that come with the project are used: ")
    assert "python step_2_dataset.py --from FOLDER" in lines[0]
    assert lines[1].endswith("rendered_train.csv: 48 images, rendered hands")


def test_wrong_image_is_named_by_the_script_and_nothing_is_drawn(data):
    """Whatever the environment says of matplotlib's windows."""
    for name in NAMES:
        (data / "data" / name).write_text(f"{HEADER}\n25,{ZEROS}\n")
    process = shell("step_2_dataset.py", env={"MPLBACKEND": "nonsense"})
    assert_one_line(process, 1, "step_2_dataset.py: data", "line 2: label '25'")
    assert not (data / "samples.png").exists()


def test_what_a_killed_run_left_is_removed_and_no_other(data, small_files):
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    for process in (dead.pid, os.getpid()):
        (data / f"data/.new.{process}.0123.tmpabc").mkdir()
    sign_mnist_files.get_data(small_files)
    left = {path.name for path in (data / "data").iterdir()} - set(NAMES)
    assert left == {f".new.{os.getpid()}.0123.tmpabc"}


def test_wrong_folder_is_named(data):
    with pytest.raises(FileNotFoundError, match=r"nowhere/.*: no such file; .* that folder"):
        step_2.main(["--from", "nowhere"])


@pytest.mark.parametrize("flags", [["--form", "x"], ["--from"], ["--from", ""], ["extra"]])
def test_wrong_flag_is_a_usage_error(data, flags, capsys):
    with pytest.raises(SystemExit) as caught:
        step_2.main(flags)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_real_data_set_is_the_published_one(sign_mnist, capsys):
    for name, count in zip(NAMES, (27455, 7172), strict=True):
        dataset = SignLanguageMNIST(sign_mnist / name)
        assert dataset._samples.shape == (count, 1, 28, 28)
        assert len(set(dataset._labels[:, 0].tolist())) == 24
        sign_mnist_files.describe(dataset)
        assert capsys.readouterr().out.endswith(f"{count:,} images, Sign Language MNIST\n")


def test_the_tutorials_own_loop_runs_on_the_loaders(data):
    """Images without a hand are not among them: their label fits no network of 24 logits."""
    write_no_hand(data)
    trainloader, testloader = get_train_test_loaders()
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIZE * SIZE, 24))
    criterion, optimizer = nn.CrossEntropyLoss(), optim.SGD(net.parameters(), lr=0.01)
    for batch in [*trainloader, *testloader]:
        optimizer.zero_grad()
        loss = criterion(net(batch["image"]), batch["label"][:, 0].long())
        loss.backward()
        optimizer.step()
    assert len(trainloader.dataset) == 480


def test_a_folder_of_pictures_is_a_data_set(data):
    for letter, grey in (("A", 40), ("y", 80), ("no_hand", 120)):
        (data / "my_hand" / letter).mkdir(parents=True)
        picture = np.full((50, 80, 3), grey, np.uint8)
        picture[:, :15] = picture[:, 65:] = 255  # outside the centred square
        cv2.imwrite(str(data / "my_hand" / letter / "1.png"), picture)
    dataset = SignLanguageMNIST("my_hand", mean=(0,), std=(1,))
    assert dataset._labels[:, 0].tolist() == [0, 24, 23]
    assert [item["image"].mean().item() * 255 for item in dataset] == pytest.approx([40, 120, 80])
    assert "my hand" in step_2.available_sets()
    loader, _ = step_2.get_train_held_out_loaders(32)
    assert "my_hand" in map(str, loader.dataset.dataset.paths)
    (data / "my_hand/A/1.png").unlink()
    (data / "empty").mkdir()
    with pytest.raises(UserError, match=r"^empty: no pictures in its folders A/, B/"):
        SignLanguageMNIST("empty")


def test_whole_groups_of_near_duplicates_are_held_out():
    rng = np.random.default_rng(0)
    photographs = rng.integers(0, 256, (60, 1, 7, 7)).repeat(4, 2).repeat(4, 3)
    images = np.clip(photographs.repeat(5, 0) + rng.normal(0, 8, (300, 1, 28, 28)), 0, 255)
    classes = np.repeat([0, 1, 24], 100)
    held = hold_out(images.astype(np.uint8), classes, 24, 0.1)
    assert held[:200].reshape(40, 5).mean(1).tolist() == held[:200:5].astype(float).tolist()
    assert (held[:100].sum(), held[100:200].sum(), held[200:].sum()) == (10, 10, 0)
    assert np.array_equal(held, hold_out(images.astype(np.uint8), classes, 24, 0.1))


def test_what_is_held_out_is_neither_trained_on_nor_varied(workdir):
    (workdir / "data").mkdir()
    for part in ("train", "test"):
        shutil.copy(ROOT / f"data/rendered_{part}.csv.gz", workdir / "data")
    loader, held_out = step_2.get_train_held_out_loaders(64)
    trained, held = {*loader.dataset.indices}, {*held_out.dataset.indices}
    assert not trained & held
    assert len(trained | held) == 13_200
    assert 0.03 < len(held) / 13_200 < 0.06
    item = held_out.dataset[0]["image"]
    assert torch.equal(item, held_out.dataset[0]["image"])


def test_images_without_a_hand_in_other_files_are_no_letters_either(data):
    """Those of my_hand/no_hand/, or of a file named by --data, come where they are asked for."""
    write_csv("more.csv", np.zeros((3, 784), np.uint8), [3, 26, 26])
    (data / "my_hand/no_hand").mkdir(parents=True)
    cv2.imwrite("my_hand/no_hand/1.png", np.zeros((30, 30, 3), np.uint8))
    train, _ = get_train_test_loaders(extra=["more.csv"])
    assert train.dataset.lengths == [480, 0, 1]
    assert train.dataset._labels.max() < step_2.NO_HAND
    train, _ = step_2.get_train_held_out_loaders(32, extra=["more.csv"])
    assert (train.dataset.dataset._labels == step_2.NO_HAND).sum() == 3


def test_an_empty_folder_my_hand_is_no_data_set(data):
    (data / "my_hand").mkdir()
    assert step_2.available_sets() == ["Sign Language MNIST"]


def test_images_are_turned_and_zoomed_as_torchvision_does_it(monkeypatch):
    """10 degrees to the left, 1.15 times as large."""
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    image = torch.exp(-((x - 17).square() + (y - 11).square() / 3) / 12)[None, None]
    monkeypatch.setattr(plumbing.affine, "uniform", lambda n, limit: torch.full((n,), float(limit)))
    monkeypatch.setattr(torch, "randint", lambda *_: torch.ones(1, dtype=torch.int64))
    maps = plumbing.affine.draw_affine(1, angle=10, zoom=0.15, shift=0, shear=0)
    grid = nn.functional.affine_grid(maps, image.shape, align_corners=False)
    ours = nn.functional.grid_sample(image, grid, align_corners=False)
    theirs = affine(image, -10, [0, 0], 1.15, [0], InterpolationMode.BILINEAR)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    assert (ours - image).abs().max() > 0.1
