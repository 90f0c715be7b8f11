"""The list of models at hand, with which `make run` ends."""

import shutil

import onnx
from conftest import ROOT

from tools import list_models

SHIPPED = ROOT / "pretrained/signlanguage.onnx"


def test_without_a_model_of_ones_own_the_shipped_one_is_used(workdir, capsys):
    list_models.main([])
    first, second = capsys.readouterr().out.splitlines()
    assert "pretrained/signlanguage.onnx: came with the project, reads " in first
    assert second == "  python step_6_camera.py"


def test_ones_own_model_comes_first_and_its_note_is_printed(workdir, capsys):
    model = onnx.load(SHIPPED)
    onnx.helper.set_model_props(model, {"note": "reads 50 % of 10 images"})
    onnx.save(model, "signlanguage.onnx")
    list_models.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "signlanguage.onnx: trained here, reads 50 % of 10 images"
    assert lines[1] == "  python step_6_camera.py"
    assert lines[3].startswith("  python step_6_camera.py --model ")
    assert lines[3].endswith("pretrained/signlanguage.onnx")


def test_a_model_without_a_note_is_listed(workdir, capsys):
    shutil.copy(SHIPPED, "signlanguage.onnx")
    model = onnx.load("signlanguage.onnx")
    del model.metadata_props[:]
    onnx.save(model, "signlanguage.onnx")
    list_models.main([])
    assert capsys.readouterr().out.startswith("signlanguage.onnx: trained here, nothing is known")
