"""Films as they come: containers, clocks, rates, pixels, fields, lengths; what is no film."""

import atexit
import functools
import shutil
import struct
import subprocess
import tempfile
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from camera_fixtures import REAL_CAPTURE, files_in, frames_of, save_video
from conftest import ROOT, assert_one_line

import camera.films
from camera.containers import find_missing, tell_kind
from camera.films import Clock, Film, open_deinterlaced

HELLO = ROOT / "data/hello.mp4"
FULL = "-i", HELLO
SHIPPED = str(ROOT / "pretrained/signlanguage.onnx")
FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason="needs ffmpeg")
SOUND = "-f", "lavfi", "-i", "sine=duration=16"
H264 = "-c:v", "libx264", "-preset", "ultrafast"
FIELDS = "-flags", "+ildct+ilme"


@functools.cache
def small():
    """Return flags of ffmpeg that name the film that comes along, made small."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    film = make(Path(folder, "small.mkv"), "-vf", "scale=320:240", "-q:v", "2", source=FULL)
    return "-i", film


def make(path, *flags, source=None):
    """Make a film with ffmpeg, of the one that comes along. Skips the test where it cannot."""
    source = source or small()
    command = [FFMPEG, "-v", "error", "-y", *source, *flags, path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode and "Unknown encoder" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return path


WHOLE = {  # name -> flags of ffmpeg
    "sound_longer.webm": (*SOUND, "-c:v", "libvpx", "-b:v", "1M", "-deadline", "realtime"),
    "without_length.mkv": ("-c", "copy", "-live", "1"),
    "fragments.mp4": (*H264, "-movflags", "frag_keyframe+empty_moov"),
    "late.ts": (*H264, "-output_ts_offset", "5000"),
    "no_clock.h264": H264,
    "raw.mjpeg": ("-c:v", "mjpeg"),
    "moving.gif": ("-vf", "fps=10"),
    "uneven.mkv": ("-vf", r"select=lt(mod(n\,10)\,7)", "-fps_mode", "vfr", *H264),
    "wide_pixels.mp4": ("-vf", "scale=160:240,setsar=2/1", *H264),
    "wide_pixels.mkv": ("-vf", "scale=240:240,setsar=4/3", *H264),
    "tall_pixels.mp4": ("-vf", "scale=320:120,setsar=1/2", *H264),
    "dvd.vob": ("-vf", "scale=352:576", "-aspect", "4:3", "-c:v", "mpeg2video", "-b:v", "3M"),
    "fields.mts": (*H264, *FIELDS, "-x264opts", "tff=1"),
    "fields.mp4": (*H264, *FIELDS, "-x264opts", "bff=1"),
    "fields.vob": ("-vf", "setfield=tff", "-c:v", "mpeg2video", *FIELDS, "-b:v", "3M"),
    "dv.avi": ("-vf", "scale=720:576", "-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-r", "25"),
    "it's [1],;:.mts": (*H264, *FIELDS, "-x264opts", "tff=1"),
}


@needs_ffmpeg
@pytest.mark.parametrize("name", WHOLE)
def test_a_film_is_read_whole_whatever_its_header_says(name, tmp_path, headless):
    film = make(tmp_path / name, *WHOLE[name])
    if "fields" in name or name in ("dv.avi", "it's [1],;:.mts"):
        skip_without_filters(film)
    assert headless(film, "--record", tmp_path / "r.mp4", model=SHIPPED)[-1] == "Spelled: HELLO"
    assert files_in(tmp_path) == sorted([name, "r.mp4"])


def skip_without_filters(film):
    capture = open_deinterlaced(str(film))
    if not capture.isOpened():
        pytest.skip("this OpenCV has no filters of FFmpeg's")


@needs_ffmpeg
def test_what_a_phone_has_trimmed_is_not_missed(tmp_path, headless):
    keys = make(tmp_path / "k.mp4", *H264, "-g", "25", "-x264opts", "scenecut=0")
    film = make(tmp_path / "trimmed.mp4", "-c", "copy", source=("-ss", "6.5", "-i", keys))
    assert headless(film, model=SHIPPED)[-1] == "Spelled: LO"


@needs_ffmpeg
@pytest.mark.parametrize("flags", [(), ("-vf", "scale=iw:ih/2,setsar=1/2"), FIELDS], ids=ascii)
def test_a_film_that_a_phone_has_turned_is_upright(flags, tmp_path, headless):
    flags = ("-x264opts", "tff=1", *flags) if flags == FIELDS else flags
    lying = make(tmp_path / "lying.mkv", "-vf", "transpose=1", "-q:v", "2")
    lying = make(tmp_path / "lying.mp4", *flags, *H264, source=("-i", lying))
    turned = "-c", "copy", "-metadata:s:v", "rotate=90"
    film = make(tmp_path / "turned.mp4", *turned, source=("-i", lying))
    if REAL_CAPTURE(str(film)).get(cv2.CAP_PROP_ORIENTATION_META) != 270:
        pytest.skip("this ffmpeg writes no rotation")
    if flags[-2:] == FIELDS:
        skip_without_filters(film)
    assert headless(film, model=SHIPPED)[-1] == "Spelled: HELLO"


@pytest.mark.parametrize("sides", [(-1, 1), (1, -1), (-1, -1)])
def test_a_film_that_asks_to_be_mirrored_is_upright(sides, tmp_path):
    """As some phones write what the camera beside the screen takes."""
    content = bytearray((ROOT / "data/hello.mp4").read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    for place, side in zip((0, 16), sides, strict=True):  # a and d of the matrix, of 16.16 bits
        content[matrix + place : matrix + place + 4] = struct.pack(">i", side << 16)
    film = tmp_path / "selfie.mp4"
    film.write_bytes(content)
    films = (Film(str(path), "", str).frames() for path in (HELLO, film))
    (_, plain), (_, shown) = (next(islice(frames, 60, None)) for frames in films)
    mirrored = plain[:: sides[1], :: sides[0]]
    assert (
        cv2.absdiff(shown, np.ascontiguousarray(mirrored)).mean()
        < 3
        < cv2.absdiff(shown, plain).mean()
    )


@needs_ffmpeg
@pytest.mark.parametrize("order", [("a.ts", "b.ts"), ("b.ts", "a.ts")])
def test_a_clock_that_jumps_forth_or_back_goes_on(order, tmp_path, headless):
    make(tmp_path / "a.ts", *H264)
    make(tmp_path / "b.ts", *H264, "-output_ts_offset", "900")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((tmp_path / name).read_bytes() for name in order))
    *_, spelled = lines = headless(joined, model=SHIPPED)
    assert spelled == "Spelled: HELLOHELLO"
    times = [float(line.split("\t")[0]) for line in lines[:-1]]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0, 0.1, 0.2], [0, 0.1, 0.2]),
        ([7, 7.1, 7.5], [0, 0.1, 0.5]),
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),
        ([0, 0.2, 0.1, 0.4], [0, 0.2, 0.3, 0.4]),
        ([50, 50.5, 0, 0.5], [0, 0.5, 0.6, 1.1]),
        ([0, 0.5, 9e9, 9e9 + 0.5], [0, 0.5, 0.6, 1.1]),
        ([float("nan"), 0.1, 0.2], [0, 0.1, 0.2]),
        ([-9e15, -9e15, -9e15], [0, 0.1, 0.2]),
    ],
)
def test_a_clock_begins_at_0_and_never_stands_still(stamps, times):
    clock = Clock(fps=10)
    assert [clock.time_of(stamp) for stamp in stamps] == pytest.approx(times, abs=1e-6)


# ---------------------------------------------------------------- frames far apart

FAR_APART = "The frames are too far apart"


@needs_ffmpeg
@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25])
def test_frames_far_apart_are_told(rate, tmp_path, headless):
    film = make(tmp_path / "slow.mp4", "-vf", f"fps={rate}", *H264)
    *_, told, spelled = headless(film, model=SHIPPED)
    assert told.startswith(FAR_APART)
    assert spelled != "Spelled: nothing"


@pytest.mark.parametrize("fps", [4, 8])
def test_frames_near_enough_are_not_told_of(fps, tmp_path, headless):
    film = save_video(tmp_path / "film.avi", ("A", 3), fps=fps)
    assert headless(film)[-2:] == [f"{HELD[fps]}\tA", "Spelled: A"]


HELD = {4: "0.75", 8: "0.62"}


@pytest.mark.parametrize("seconds", [1, 3])
def test_a_slide_counts_until_the_next_one_comes(seconds, tmp_path, headless):
    parts = [(letter, seconds) for letter in "HIH"]
    film = save_video(tmp_path / "slides.avi", *parts, fps=1 / seconds)
    *_, told, spelled = headless(film)
    assert (told[: len(FAR_APART)], spelled) == (FAR_APART, "Spelled: HIH")


# ---------------------------------------------------------------- interlaced, and no filters


@pytest.fixture
def without_filters(monkeypatch):
    """Make OpenCV one that was built without FFmpeg's filters, as for some systems."""
    monkeypatch.setattr(camera.films, "open_deinterlaced", lambda name: REAL_CAPTURE())


@needs_ffmpeg
def test_an_interlaced_film_is_named_where_it_cannot_be_read(
    without_filters, tmp_path, start, model_path
):
    film = make(tmp_path / "f.mts", *WHOLE["fields.mts"])
    done = start("--source", film, "--model", model_path, "--headless")
    assert_one_line(done, 1, "is interlaced", "convert it: ffmpeg -i", "-vf yadif")


def test_a_film_that_stands_still_is_not_taken_for_interlaced(without_filters, tmp_path, headless):
    assert headless(save_video(tmp_path / "f.avi", ("A", 3)))[-1] == "Spelled: A"


def test_a_film_of_one_colour_is_told(tmp_path, headless):
    writer = cv2.VideoWriter(str(tmp_path / "b.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(60):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    told, _, spelled = headless(tmp_path / "b.avi")
    assert told.endswith("b.avi are of one colour")
    assert spelled == "Spelled: nothing"


# ---------------------------------------------------------------- what cannot be read

CODECS = {
    "a.mp4": ("AV1", "-c:v", "libsvtav1", "-preset", "12", "-t", "1"),
    "a.webm": ("AV1", "-c:v", "libaom-av1", "-cpu-used", "8", "-frames:v", "3"),
    "a.ogv": ("Theora", "-c:v", "libtheora", "-t", "1"),
}


@needs_ffmpeg
@pytest.mark.parametrize("name", CODECS)
def test_a_codec_that_cannot_be_decoded_is_named(name, workdir, start, model_path):
    codec, *flags = CODECS[name]
    make(workdir / name, *flags)
    done = start("--source", name, "--model", model_path, "--headless", "--record", "r.avi")
    advice = f"convert it: ffmpeg -i {name} -c:v libx264 converted.mp4"
    assert_one_line(done, 1, f"{name} is coded as {codec}, which OpenCV cannot decode", advice)
    assert "Spelled" not in done.stdout
    assert files_in(workdir) == [name]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["mp3", "mp4", "webm", "ogg", "wma", "flv", "aac"])
def test_sound_alone_is_named(suffix, tmp_path, start, model_path):
    source = "-f", "lavfi", "-i", "sine=duration=1"
    sound = make(tmp_path / f"s.{suffix}", source=source)
    done = start("--source", sound, "--model", model_path, "--headless")
    assert_one_line(done, 1, f"s.{suffix} cannot be opened: it is sound alone")


@needs_ffmpeg
def test_a_cover_is_no_film(tmp_path, start, model_path):
    cover = tmp_path / "c.jpg"
    cv2.imwrite(str(cover), next(frames_of(HELLO)))
    sound = ("-f", "lavfi", "-i", "sine=duration=1", "-i", cover)
    flags = "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"
    song = make(tmp_path / "s.mp3", *flags, source=sound)
    done = start("--source", song, "--model", model_path, "--headless")
    assert_one_line(done, 1, "it is sound alone, with a cover")


NO_FILMS = {
    "empty.mp4": (b"", "it is empty"),
    "zeros.mp4": (bytes(9999), "it is nothing but zeros"),
    "page.mp4": (b"\n<!DOCTYPE html><html>", "a web page"),
    "lfs.mp4": (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
    "film.zip": (b"PK\3\4" + bytes(99), "a zip archive"),
    "paper.pdf": (b"%PDF-1.7\n\xff", "a PDF document"),
    "notes.txt": (b"H E L L O\n", "it is a text"),
    "noise.mkv": (np.random.default_rng(0).bytes(9999), "it is no film, or damaged"),
    "cut.mp4": (HELLO.read_bytes()[:200_000], "it is an mp4 without its index (moov)"),
}


@pytest.mark.parametrize("name", NO_FILMS)
def test_a_file_that_is_no_film_is_named(name, workdir, start, model_path):
    content, told = NO_FILMS[name]
    Path(name).write_bytes(content)
    done = start("--source", name, "--model", model_path, "--headless")
    assert_one_line(done, 1, name, told)
    assert "Spelled" not in done.stdout


MISSING = {
    "no.mp4": "no.mp4 cannot be opened: there is no such file",
    "~/no.mp4": "no.mp4 cannot be opened: there is no such file; write /home/me for ~",
    "file:///no/such.mp4": "/no/such.mp4 cannot be opened: there is no such file",
    "192.168.1.5:8080/video": "an address begins with http:// or rtsp://",
    "http:/host/video": "an address begins with http:// or rtsp://",
    "concat:no.mp4|no.mp4": "there is no such file",
}


@pytest.mark.parametrize("source", MISSING)
def test_a_missing_file_is_told(source, workdir, start, model_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    done = start("--source", source, "--model", model_path, "--headless")
    assert_one_line(done, 1, MISSING[source])


@pytest.mark.parametrize("name", ["100%d.avi", "a:b.avi", "http.avi", "a|b.avi", "it's.avi"])
def test_odd_names_of_films_are_read(name, workdir, headless, video):
    shutil.copy(video, name)
    assert headless(name)[-1] == "Spelled: HI"
    assert headless((workdir / name).as_uri())[-1] == "Spelled: HI"


# ---------------------------------------------------------------- what is not all there


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("film.mp4", (*H264, "-movflags", "+faststart")),
        ("film.mkv", H264),
        ("film.webm", ("-c:v", "libvpx", "-deadline", "realtime")),
        ("film.avi", ("-c:v", "mjpeg")),
    ],
)
def test_a_film_that_is_cut_short_is_told_and_a_whole_one_is_not(
    name, flags, workdir, start, model_path
):
    whole = make(workdir / f"whole_{name}", *flags)
    assert find_missing(whole) is None
    content = whole.read_bytes()
    (workdir / name).write_bytes(content[: len(content) // 2])
    done = start("--source", name, "--model", model_path, "--headless", "--transcript", "t.txt")
    told = f"{name} is damaged: {len(content) // 2:,} of {len(content):,} bytes"
    assert_one_line(done, 1, told if name != "film.avi" else f"{name} is damaged")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0AVI ",
        b"RIFF\xff\xff\xff\xffAVI ",
        b"\x1aE\xdf\xa3\x18\x53\x80\x67",
    ],
)
def test_headers_without_a_length_tell_nothing(content, tmp_path):
    (tmp_path / "film").write_bytes(content)
    assert find_missing(tmp_path / "film") is None
    tell_kind(tmp_path / "film")
