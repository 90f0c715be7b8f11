"""The landmarks that are rehearsed while a hand is taught are those of rendered hands."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="needs tools/requirements.txt")

from camera.learn_landmarks import REHEARSAL
from tools import render_landmarks

COUNT = 24
pytestmark = pytest.mark.xdist_group("anny")  # as in test_render_hands.py


def test_the_file_comes_from_this_program(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(render_landmarks, "REHEARSAL", tmp_path / "hands.npy")
    render_landmarks.main(["--count", str(COUNT)])
    assert "rendered hands" in capsys.readouterr().out
    made, kept = np.load(tmp_path / "hands.npy"), np.load(REHEARSAL)
    assert made.dtype == kept.dtype == np.float16
    assert made.shape[1:] == kept.shape[1:] == (21, 3)
    assert COUNT / 2 < len(made) <= COUNT
    assert np.isfinite(kept).all()
    near = abs(made.astype(float) - kept[: len(made)]).max(axis=(1, 2))  # rounding may differ
    assert np.median(near) < 5, "pixels"
