"""The commands of `make run`, one after another as it starts them, on a few hundred images."""

import re
import shutil

from conftest import ROOT, draw_letters, shell, write_csv


def commands_of_run():
    """List what `make run` starts with Python, as lists of words."""
    recipe = (ROOT / "Makefile").read_text().split("\nrun:")[1].split("\n\n")[0]
    lines = [line.strip().removeprefix("@") for line in recipe.splitlines()]
    return [line.split()[1:] for line in lines if line.startswith("$(BIN)/python")]


def test_all_steps(data):
    for part, count in (("train", 48), ("test", 24)):
        write_csv(f"data/rendered_{part}.csv", *draw_letters(count, seed=2))
        write_csv(f"data/no_hand_{part}.csv", draw_letters(count)[0] // 8, [26] * count)
    shutil.copy(ROOT / "data/hello.mp4", "data")
    outputs = []
    for words in commands_of_run():
        words = words[1:] if words[0] == "-m" else words
        quick = ["--epochs", "1"] if words == ["step_3_train.py"] else []
        process = shell(*words, *quick)
        assert process.returncode == 0, process.stderr
        outputs.append(process.stdout)
    second, third, fourth, sixth, last = outputs
    assert "data/sign_mnist_train.csv: 480 images" in second
    assert "epoch 1/1" in third
    assert "========== ONNX ==========" in fourth
    assert re.search(r"images without a hand: \d+/24 ", fourth)
    assert "Spelled: " in sixth
    ours, own_command, shipped, shipped_command = last.splitlines()
    assert ours.startswith("signlanguage.onnx: trained here, reads ")
    assert "pretrained/signlanguage.onnx: came with the project, reads " in shipped
    assert own_command.strip() == "python step_6_camera.py"
    assert shipped_command.endswith("pretrained/signlanguage.onnx")
    for name in ("samples", "training", "confusion"):
        assert (data / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(data.glob("*.tmp*"))
