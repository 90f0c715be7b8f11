"""Pictures of any kind, name and size, and damaged ones."""

import os
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from camera_fixtures import save_pictures, sign
from conftest import assert_one_line, shell

from camera.pictures import read_picture


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
    assert_one_line(done, 1, f"5 picture(s) could not be read: {', '.join(names)}")


def test_what_libraries_say_of_damage_is_not_shown(tmp_path, model_path):
    """libjpeg tells of it on standard error, and reads the picture all the same."""
    whole = save_pictures(tmp_path, "A") / "A" / "1.png"
    content = cv2.imencode(".jpg", cv2.imread(str(whole)))[1].tobytes()
    (tmp_path / "A" / "1.jpg").write_bytes(content.replace(b"\xff\xdb", b"??\xff\xdb"))
    done = shell("step_6_camera.py", "--source", tmp_path, "--model", model_path, "--headless")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3


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
    assert_one_line(done, 1, "1 picture(s) could not be read: bomb.png")
    names = ["A/1.png", r"'line\nbreak.png'", r"\xfc.png", r"'\udcff.png'"]
    assert done.stdout.splitlines()[1:] == [f"{name}  A  100%" for name in names]
