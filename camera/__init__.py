"""The parts of step 6. They need numpy, opencv-python and onnxruntime only."""
