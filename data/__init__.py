"""What holds before any library loads: a script's first import is one from this package."""

import os
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


def end_quietly(kind, error, trace):
    """Python's answer to an exception, but for Ctrl-C while a script's modules load."""
    cause = error
    while cause and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    if cause:
        os._exit(130)
    sys.__excepthook__(kind, error, trace)


sys.excepthook = end_quietly
