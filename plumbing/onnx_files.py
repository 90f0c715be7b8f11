"""Finish what torch.onnx.export wrote."""

import onnx


def name_features(graph):
    """Call what the first fully connected layer of an ONNX graph, fc1, takes "features"."""
    old = next(node.input[0] for node in graph.node if "fc1.weight" in node.input)
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["features" if name == old else name for name in names]


def add_metadata(model, values):
    """Add metadata, a dict of texts and numbers by name, to an onnx.ModelProto."""
    texts = {prop.key: prop.value for prop in model.metadata_props}
    texts |= {key: str(value) for key, value in values.items()}
    onnx.helper.set_model_props(model, texts)
