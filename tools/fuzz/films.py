"""Make films of many kinds with ffmpeg: containers, rates, clocks, aspect, fields, lengths."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.fuzz.damage import film

CODECS = {  # of ffmpeg -> containers
    "libx264": [".mp4", ".mkv", ".mov", ".avi", ".ts", ".flv", ".h264"],
    "mpeg4": [".mp4", ".avi", ".mkv"],
    "mpeg2video": [".vob", ".mpg", ".ts", ".mkv"],
    "mjpeg": [".avi", ".mov", ".mjpeg"],
    "libvpx": [".webm", ".mkv"],
    "wmv2": [".wmv", ".avi"],
    "gif": [".gif"],
}
FIELDS = {"libx264": ["-x264opts", "tff=1"], "mpeg2video": [], "mpeg4": []}  # that can have them
RATES = [0.5, 1.25, 3, 15, 25, 29.97, 60, 240]  # frames a second
ASPECTS = ["1/2", "10/11", "4/3", "2/1", "64/1"]
SOUND = ["-f", "lavfi", "-i", "sine=duration=9"]  # longer than the film
LENGTHS = {  # flags that leave the length out of the header, or elsewhere
    ".mp4": [["-movflags", "frag_keyframe+empty_moov"], ["-movflags", "+faststart"]],
    ".mkv": [["-live", "1"]],
    ".webm": [["-live", "1"]],
    ".flv": [["-flvflags", "no_duration_filesize"]],
}


def find_ffmpeg():
    """Return the path of ffmpeg, or None."""
    return shutil.which("ffmpeg")


def draw_flags(rng):
    """Draw a kind of film: the ending of its name, and flags of ffmpeg."""
    codec = rng.choice(list(CODECS))
    suffix, filters, flags = rng.choice(CODECS[codec]), [], ["-c:v", codec]
    rates = {"mpeg2video": [25], "gif": RATES[2:]}  # of one frame, a GIF is a picture
    rate = rng.choice(rates.get(codec, RATES))
    filters += [f"fps={rate}"]
    filters += rng.choice([[], ["select=lt(mod(n\\,5)\\,3)"]])  # an uneven clock
    filters += rng.choice([[], [f"setsar={rng.choice(ASPECTS)}"]])
    if codec in FIELDS and rng.random() < 0.4:
        flags += ["-flags", "+ildct+ilme", *FIELDS[codec]]
        filters += ["setfield=tff"]
    sound = SOUND if suffix in (".mp4", ".mkv", ".webm", ".avi") and rng.random() < 0.3 else []
    flags += rng.choice([*LENGTHS.get(suffix, [[]]), []])
    flags += rng.choice([[], [], ["-output_ts_offset", rng.choice(["0.5", "900", "90000"])]])
    return suffix, [*sound, "-vf", ",".join(filters), *flags]


def make_film(rng):
    """Draw and make a film. Returns the ending of its name and its bytes, b"" if ffmpeg refuses."""
    suffix, flags = draw_flags(rng)
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder, "source.avi"), Path(folder, f"film{suffix}")
        source.write_bytes(film(".avi", frames=60, codec="MJPG"))
        command = [find_ffmpeg(), "-v", "error", "-y", "-i", source, *flags, path]
        done = subprocess.run(list(map(str, command)), capture_output=True)
        return suffix, path.read_bytes() if done.returncode == 0 else b""
