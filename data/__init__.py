"""What holds before any library loads: a script's first import is one from this package."""

import os
import signal
import sys

# Libraries look these up when they load: OpenCV, FFmpeg and Qt leave it to the scripts to tell of
# faults, no picture fills the memory, and ONNX Runtime reports to nobody.
os.environ.update(
    OPENCV_LOG_LEVEL="SILENT",
    OPENCV_FFMPEG_LOGLEVEL="-8",
    OPENCV_IO_MAX_IMAGE_PIXELS=str(2**27),
    QT_LOGGING_RULES="*.warning=false",
    ORT_DISABLE_TELEMETRY="1",
)

# Ctrl-C ends a script without a word while it loads libraries, which takes seconds: an exception
# would come out of the middle of them. plumbing.run puts Python's way back, which cleans up. Others
# that import this keep that way, and a background job has Ctrl-C ignored.
here = os.path.dirname(os.path.abspath(__file__))
script = os.path.abspath(getattr(sys.modules["__main__"], "__file__", None) or "")
if (
    os.path.dirname(script) in (here, os.path.dirname(here))
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
