"""The parts of step 6. They need numpy, opencv-python and onnxruntime only.

stream.py, pictures.py   where frames come from
hand.py                  where in a frame the hand is
model.py                 what letter it shows
motion.py, speller.py    what is added to the text
view.py, window.py       what is shown
recorder.py              what is written
"""
