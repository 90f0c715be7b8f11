"""The parts of step 6. They need numpy, opencv-python and onnxruntime only.

stream.py                where frames come from: a camera, a film or an address
cameras.py               cameras of this computer
films.py, containers.py  films
addresses.py, server.py  what servers give; they are asked by answers.py and background.py
pictures.py              pictures
hand.py                  where in a frame the hand is
model.py                 what letter it shows
motion.py, speller.py    what is added to the text
view.py, window.py       what is shown
recorder.py              what is written
"""
