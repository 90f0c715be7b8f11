"""Views of an image, and how a picture and a video's frames are read from them."""

import numpy as np
import onnx.parser
import pytest
from onnx import helper, numpy_helper

from camera.model import load_model, make_views, read_letters


def save_model(path, weights, metadata):
    """A linear model with weights (28, 28, 3)."""
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        linear (float[n, 1, 28, 28] input) => (float[n, 3] logits)
        { flat = Flatten (input) logits = MatMul (flat, weights) }"""
    )
    model.graph.initializer.append(numpy_helper.from_array(weights.reshape(784, 3), "weights"))
    helper.set_model_props(model, {"alphabet": "LRB", "mean": "0", "std": "1", **metadata})
    onnx.save(model, path)
    return path


def test_views_are_the_image_enlarged_and_mirrored():
    """Of a slope of 9 grey levels a pixel, zoomed is one of 9 * 6 / 7 with the same middle."""
    slope = np.broadcast_to(9 * (np.arange(28, dtype=np.float32) - 13.5), (28, 28))
    images = np.stack([slope, slope.T])[:, None]
    views = make_views(images, range(4)).reshape(4, 2, 1, 28, 28)
    assert views.dtype == np.float32
    assert np.array_equal(views[0], images)
    assert np.array_equal(views[2], images[..., ::-1])
    np.testing.assert_allclose(views[3], images * 6 / 7, atol=1e-3)
    np.testing.assert_allclose(views[1], views[3][..., ::-1])
    some = make_views(images, [3, 0]).reshape(2, 2, 1, 28, 28)
    assert np.array_equal(some, views[[3, 0]])


@pytest.mark.parametrize(("metadata", "read"), [({"views": "2"}, "LRLR"), ({}, "LLLL")])
def test_frames_of_a_video_take_the_views_in_turn(metadata, read, tmp_path):
    """By a model that tells what is lit on the left, L, from its mirror image, R; of both together
    B is likelier than either. A picture is read from all views."""
    weights = np.zeros((28, 28, 3), np.float32)
    weights[:, :14, 0] = weights[:, 14:, 1] = 9 / 392
    weights[:, :, 2] = 6 / 392
    model = load_model(save_model(tmp_path / "m.onnx", weights, metadata))
    image = np.zeros((28, 28), np.uint8)
    image[:, :14] = 255
    letters = ["LRB"[read_letters(model, image, number).argmax()] for number in range(4)]
    assert "".join(letters) == read
    assert "LRB"[read_letters(model, image).argmax()] == ("B" if metadata else "L")


@pytest.mark.parametrize("name", ["no_hand_logit", "nothing"])  # the latter in older models
def test_the_no_hand_logit_takes_its_share_of_the_probability(name, tmp_path):
    model = load_model(save_model(tmp_path / "m.onnx", np.zeros((28, 28, 3), "f4"), {name: "0"}))
    np.testing.assert_allclose(read_letters(model, np.zeros((28, 28), np.uint8)), 1 / 4)
