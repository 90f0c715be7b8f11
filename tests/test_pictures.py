"""Pictures of any kind, name and size, and damaged ones."""

import os
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_fixtures import save_pictures, sign
from conftest import assert_one_line, shell

from camera.flags import parse_args
from camera.pictures import TURNS, explain_empty, list_pictures, read_picture, turn_picture

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(500)
MADE = [".jpg", ".png", ".gif", ".jp2", ".avif", ".webp", ".tiff", ".bmp", ".ppm"]


def test_pictures_are_read_whole_and_in_order(tmp_path, headless):
    picture = save_pictures(tmp_path, "B", "A") / "B" / "1.png"
    assert headless(picture) == [f"{picture}  B  100%"]
    cv2.imwrite(str(tmp_path / "nothing.png"), sign(None))
    (tmp_path / "notes.txt").write_text("no picture")
    lines = headless(tmp_path)
    assert [line.split()[1:] for line in lines] == [["A", "100%"], ["B", "100%"], ["-", "4%"]]


def kinds_of(grey):
    """The same picture in every kind that files have."""
    bgr = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    alpha = np.random.default_rng(0).integers(0, 256, (*grey.shape, 1), np.uint8)
    kinds = {"grey": grey, "colour": bgr, "alpha": np.concatenate([bgr, alpha], 2)}
    return kinds | {f"{name}, 16 bits": kind * np.uint16(257) for name, kind in kinds.items()}


@pytest.mark.parametrize("kind", kinds_of(np.zeros((1, 1), np.uint8)))
def test_pictures_of_any_kind_are_read(kind, tmp_path):
    """Before grey, where there is a transparent background."""
    frame = sign("R", box=1.0)
    picture = kinds_of(frame[..., 0].copy())[kind]
    cv2.imwrite(str(tmp_path / "ü.png"), picture)
    if "alpha" in kind:
        alpha = picture[..., 3:] / (65535 if "16" in kind else 255)
        frame = np.rint(frame * alpha + 128 * (1 - alpha))
    assert np.array_equal(read_picture(tmp_path / "ü.png"), frame)


def test_unreadable_pictures_are_named_and_counted(tmp_path, model_path):
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:30])
    (tmp_path / "flip.png").write_bytes(whole.read_bytes().replace(b"IHDR\0", b"IHDR\1"))
    (tmp_path / "folder.png").mkdir()
    done = shell("step_6_camera.py", "--source", tmp_path, "--model", model_path, "--headless")
    assert done.stdout.splitlines()[1:] == [f"{whole}  A  100%"]
    names = [str(tmp_path / name) for name in ("cut.png", "empty.png", "flip.png", "folder.png")]
    names.append(str(tmp_path / "text.jpg"))
    assert_one_line(done, 1, f"5 pictures could not be read: {', '.join(names)}")


def test_what_libraries_say_of_damage_is_not_shown(tmp_path, model_path):
    """libjpeg tells of it on standard error, and reads the picture all the same."""
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    content = cv2.imencode(".jpg", cv2.imread(str(whole)))[1].tobytes()
    (tmp_path / "A" / "1.jpg").write_bytes(content.replace(b"\xff\xdb", b"??\xff\xdb"))
    done = shell("step_6_camera.py", "--source", tmp_path, "--model", model_path, "--headless")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("ending", ["", ".jfif", ".jpe", ".JPEG", ".heic", ".picture"])
def test_what_is_a_picture_its_content_decides(made, ending, tmp_path, headless):
    (tmp_path / f"own{ending}").write_bytes(cv2.imencode(made, sign("R", box=1.0))[1].tobytes())
    for source in (tmp_path / f"own{ending}", tmp_path):
        (line,) = headless(source)
        assert line.split()[:2] == [str(tmp_path / f"own{ending}"), "R"]


def test_films_are_no_pictures_whatever_they_are_called(tmp_path, video, headless):
    jpegs = [cv2.imencode(".jpg", sign(letter))[1].tobytes() for letter in "HHHI" for _ in range(9)]
    (tmp_path / "frames").write_bytes(b"".join(jpegs))
    animation = cv2.Animation()
    animation.frames = [sign(letter) for letter in "HI" for _ in range(30)]
    animation.durations = [40] * 60
    assert cv2.imwriteanimation(str(tmp_path / "hi.gif"), animation)
    shutil.copy(video, tmp_path / "film.jpg")
    for name in ("frames", "hi.gif", "film.jpg"):
        assert list_pictures(tmp_path / name) == []
    assert headless(tmp_path / "film.jpg")[-1] == headless(tmp_path / "hi.gif")[-1] == "Spelled: HI"
    assert [path.name for path in list_pictures(tmp_path)] == ["frames", "hi.gif"]  # the first ones


def test_what_cannot_be_decoded_is_named_with_what_to_do(tmp_path, start, model_path):
    save_pictures(tmp_path, "A")
    for number in range(12):
        (tmp_path / f"IMG_{number:02}.HEIC").write_bytes(HEIC)
    done = start("--source", tmp_path, "--model", model_path, "--headless")
    assert done.stdout.splitlines()[1:] == [f"{tmp_path / 'A/1.png'}  A  100%"]
    assert_one_line(done, 1, "12 pictures could not be read:", "IMG_09.HEIC and 2 more")
    assert done.stderr.endswith("(a HEIC picture: save it as JPEG or PNG)\n")
    done = start("--source", tmp_path / "none.png", "--model", model_path, "--headless")
    assert_one_line(done, 1, "none.png (no such file)")


def test_what_macs_add_is_no_picture(tmp_path, headless):
    picture = save_pictures(tmp_path, "A") / "A" / "1.png"
    (tmp_path / "A/._1.png").write_bytes(b"\0\5\x16\7" + bytes(4000))
    (tmp_path / "A/.DS_Store").touch()
    shutil.copytree(tmp_path / "A", tmp_path / "__MACOSX")
    assert headless(tmp_path) == [f"{picture}  A  100%"]


SOURCES = {
    "deep": "deep: a folder without pictures in it or in its folders; give deep/a/b/A, which has",
    "films": "films: a folder without pictures; give one of its films: films/own.avi",
    "empty": "empty: a folder without pictures in it or in its folders",
    "own.zip": "own.zip: a zip archive: unpack it",
    "own.jpg": "own.jpg: a web page: download it again, signed in if need be",
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_without_pictures_is_told_by_its_cause(source, workdir, video, start, model_path):
    save_pictures(workdir / "deep/a/b", "A")
    (workdir / "films").mkdir()
    shutil.copy(video, "films/own.avi")
    (workdir / "empty").mkdir()
    (workdir / "own.zip").write_bytes(b"PK\3\4" + bytes(400))
    (workdir / "own.jpg").write_text("<html>Please sign in</html>")
    done = start("--source", source, "--model", model_path, "--headless")
    assert_one_line(done, 1, SOURCES[source])


def test_a_number_is_a_camera_whatever_is_called_so(workdir):
    (workdir / "1").mkdir()
    save_pictures(workdir / "0", "A")
    assert [parse_args(["--source", number]).pictures for number in "01"] == [[], []]
    assert parse_args(["--source", "./0"]).pictures == [Path("0/A/1.png")]


def test_an_address_is_never_a_file(workdir):
    (workdir / "http:/camera").mkdir(parents=True)
    save_pictures(workdir / "http:/camera", "A")
    assert list_pictures("http://camera/A/1.png") == []


def test_a_folder_of_hidden_files_has_no_pictures(tmp_path):
    (tmp_path / "a/b/c").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "a/b/._x.png"), sign("A"))
    assert "give" not in explain_empty(tmp_path)


def exif(orientation, start=b""):
    """EXIF data that say which side is up."""
    entry = struct.pack("<HHHIHHI", 1, 0x112, 3, 1, orientation, 0, 0)
    return np.frombuffer(start + b"II*\0" + struct.pack("<I", 8) + entry, np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("made", [".avif", ".png", ".webp", ".jpg"])
@pytest.mark.parametrize("start", [b"Exif\0\0", b""], ids=["with a mark", "bare"])
def test_pictures_are_upright(orientation, made, start, tmp_path):
    """As phones save them. The mark may stand before EXIF data in AVIF and WebP files."""
    start = start if made in (".avif", ".webp") else b""
    corners = np.zeros((40, 60, 3), np.uint8)
    corners[:20, :30], corners[20:, :30], corners[:20, 30:] = 60, 120, 240
    about = [cv2.IMAGE_METADATA_EXIF], [exif(orientation, start)]
    content = cv2.imencodeWithMetadata(made, corners, *about)[1]
    (tmp_path / "own").write_bytes(content.tobytes())
    right = turn_picture(corners, *TURNS.get(orientation, (0, None)))
    read = read_picture(tmp_path / "own")
    assert read.shape == right.shape
    assert np.abs(read.astype(int) - right).mean() < 9


def test_turns_are_those_of_exif():
    """In words: 2 mirrored, 3 upside down, 6 and 8 on a side, 5 and 7 mirrored, too."""
    picture = np.arange(6).reshape(2, 3)
    turned = {number: turn_picture(picture, *turn).tolist() for number, turn in TURNS.items()}
    assert turned[2] == [[2, 1, 0], [5, 4, 3]]
    assert turned[3] == [[5, 4, 3], [2, 1, 0]]
    assert turned[4] == [[3, 4, 5], [0, 1, 2]]
    assert turned[5] == [[0, 3], [1, 4], [2, 5]]
    assert turned[6] == [[3, 0], [4, 1], [5, 2]]
    assert turned[7] == [[5, 2], [4, 1], [3, 0]]
    assert turned[8] == [[2, 5], [1, 4], [0, 3]]


@pytest.mark.parametrize("cut", [*range(0, 60, 7), 1000])
def test_damaged_orientations_are_none(cut, tmp_path):
    bad = np.frombuffer(exif(6).tobytes()[:cut] + b"\xff" * (60 - min(cut, 60)), np.uint8)
    content = cv2.imencodeWithMetadata(
        ".webp", sign("A", (40, 60)), [cv2.IMAGE_METADATA_EXIF], [bad]
    )[1]
    (tmp_path / "own").write_bytes(content.tobytes())
    assert read_picture(tmp_path / "own").shape in ((40, 60, 3), (60, 40, 3))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_pixels_of_many_bits_are_as_bright_as_others(bits, tmp_path):
    frame = sign("R", box=1.0)
    scaled = np.rint(frame * ((2**bits - 1) / 255)).astype(np.uint16)
    for made in (".png", ".tiff"):
        (tmp_path / "own").write_bytes(cv2.imencode(made, scaled[..., 0])[1].tobytes())
        assert np.abs(read_picture(tmp_path / "own").astype(int) - frame).max() <= 1


@pytest.mark.parametrize("made", [".tiff", ".hdr", ".pfm"])
def test_parts_of_white_are_pixels(made, tmp_path):
    frame = sign("R", box=1.0)
    (tmp_path / "own").write_bytes(cv2.imencode(made, np.float32(frame / 255))[1].tobytes())
    assert np.abs(read_picture(tmp_path / "own").astype(int) - frame).max() <= 2


def test_a_background_that_is_not_seen_is_grey(tmp_path):
    frame = np.dstack([sign("R", box=1.0), np.full((240, 320), 255, np.uint8)])
    frame[:, :100] = 0
    cv2.imwrite(str(tmp_path / "own.png"), frame)
    read = read_picture(tmp_path / "own.png")
    assert (read[:, :100] == 128).all()
    assert np.array_equal(read[:, 100:], frame[:, 100:, :3])
    frame[..., 3] = 0  # as programs leave it that know no background
    cv2.imwrite(str(tmp_path / "own.png"), frame)
    assert np.array_equal(read_picture(tmp_path / "own.png"), frame[..., :3])


def test_a_single_picture_is_no_lesson(workdir, start):
    picture = save_pictures(workdir, "A") / "A" / "1.png"
    assert_one_line(start("--teach", "--source", picture), 2, "--teach takes a camera, a film, or")


def save_bomb(path, side=12000):
    """A picture of few bytes and very many pixels."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", size), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_pictures_of_any_name_and_size_are_a_line_each(workdir, model_path):
    whole = save_pictures(workdir, "A") / "A" / "1.png"
    for name in (b"line\nbreak.png", b"\xff.png", "\u00fc.png".encode()):
        shutil.copy(whole, os.path.join(os.fsencode(workdir), name))
    save_bomb(workdir / "bomb.png")
    options = "--source", ".", "--model", model_path, "--headless"
    done = shell("step_6_camera.py", *options, env={"PYTHONIOENCODING": "ascii"})
    assert_one_line(done, 1, "1 picture could not be read: bomb.png")
    names = ["A/1.png", r"'line\nbreak.png'", r"\xfc.png", r"'\udcff.png'"]
    assert done.stdout.splitlines()[1:] == [f"{name}  A  100%" for name in names]
