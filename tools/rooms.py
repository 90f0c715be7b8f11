"""Draw rooms and people: the background of rendered hands, and images without a hand.

Pictures are grey, (size, size), 0 (black) to about 1 (white). `rng` is numpy's random generator.
"""

import cv2
import numpy as np


def draw_background(rng, size):
    """Draw a room without a hand: grey float32 (size, size) in 0..1."""
    picture = np.full((size, size), rng.uniform(0.05, 0.95), np.float32)
    kind = rng.choice(
        ["plain", "gradient", "soft", "room", "texture"], p=[0.15, 0.30, 0.15, 0.36, 0.04]
    )
    if kind != "plain":
        picture = picture + draw_gradient(rng, size)
    if kind == "soft":
        picture = picture + draw_noise(rng, size) * rng.uniform(0.05, 0.4)
    if kind == "texture":
        picture = picture + draw_texture(rng, size)
    if kind == "room" or rng.random() < 0.15:
        for _ in range(rng.integers(1, 9)):
            draw_furniture(picture, rng)
    if rng.random() < 0.35:
        draw_bystander(picture, rng)
    if kind in ("room", "texture") and rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), size * rng.uniform(0.005, 0.04))
    return np.clip(picture, 0, 1).astype(np.float32)


def draw_gradient(rng, size):
    """Draw light that falls off across the wall: (size, size) in -0.6..0.4."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    corner = -rng.uniform(0, 0.15) * (x * x + y * y)
    return (slope * rng.uniform(0, 0.3) + corner).astype(np.float32)


def draw_noise(rng, size):
    """Draw soft random blobs of two scales: (size, size), about -1..1."""
    total = np.zeros((size, size), np.float32)
    for _ in range(2):
        cells = rng.integers(2, 10)
        coarse = rng.uniform(-0.5, 0.5, (cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return total


def draw_texture(rng, size):
    """Draw stripes, blinds, bricks or fine grain: (size, size)."""
    if rng.random() < 0.2:
        cells = rng.integers(size // 4, size)
        coarse = rng.normal(0, 0.07, (cells, cells)).astype(np.float32)
        return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j].astype(np.float32)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * rng.uniform(10, 90) + rng.uniform(0, 6))
    if rng.random() < 0.4:
        wave = wave * np.sin((np.sin(angle) * x - np.cos(angle) * y) * rng.uniform(10, 60))
    return np.sign(wave) * np.abs(wave) ** rng.uniform(0.2, 1) * rng.uniform(0.03, 0.3)


def draw_furniture(picture, rng):
    """Draw one box, slanted box, line or ellipse of random brightness, in place."""
    size = len(picture)
    value = float(rng.uniform(0, 1))
    x, y = (int(v) for v in rng.uniform(-0.2, 1.2, 2) * size)
    w, h = (int(v) for v in rng.uniform(0.05, 0.7, 2) * size)
    kind = rng.integers(4)
    if kind == 0:
        cv2.rectangle(picture, (x, y), (x + w, y + h), value, -1)
    elif kind == 1:
        box = cv2.boxPoints(((x, y), (w, h), float(rng.uniform(-40, 40))))
        cv2.fillConvexPoly(picture, box.astype(np.int32), value)
    elif kind == 2:
        end = tuple(int(v) for v in rng.uniform(-0.2, 1.2, 2) * size)
        cv2.line(picture, (x, y), end, value, int(rng.integers(1, 2 + size // 12)))
    else:
        angle = float(rng.uniform(0, 180))
        cv2.ellipse(picture, (x, y), (w // 2, h // 2), angle, 0, 360, value, -1)


def draw_bystander(picture, rng):
    """Draw a person beside or behind the hand, in place."""
    size = len(picture)
    parts = person_parts(*rng.uniform(0.05, 1, 3))
    r = size * rng.uniform(0.12, 0.35)
    draw_parts(picture, parts, rng.uniform(-0.1, 1.1) * size, rng.uniform(0, 0.6) * size, r)


def person_parts(skin, hair, shirt):
    """List the ellipses of a person with these brightnesses, the farthest first.

    Each is (x, y, half width, half height, brightness), right of and below the face's middle, in
    lengths of half a face.
    """
    return [
        (0, 3.2, 2.2, 1.8, shirt),
        (0, 1.2, 0.45, 0.9, skin * 0.8),  # neck
        (0, -0.25, 0.85, 1.05, hair),
        (0, 0, 0.75, 1.0, skin),
        (-0.3, -0.15, 0.14, 0.08, skin * 0.3),  # eyes
        (0.3, -0.15, 0.14, 0.08, skin * 0.3),
        (0, 0.5, 0.25, 0.08, skin * 0.6),  # mouth
    ]


def draw_parts(picture, parts, x, y, r, tilt=0.0):
    """Draw a person's ellipses in place: the face's middle at x, y, half a face `r` long.

    x, y, r in pixels, tilt in degrees. A brightness may be a picture (size, size) itself.
    """
    cos, sin = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    for dx, dy, rx, ry, value in parts:
        centre = int(x + (cos * dx - sin * dy) * r), int(y + (sin * dx + cos * dy) * r)
        axes = max(1, int(rx * r)), max(1, int(ry * r))
        mask = np.zeros(picture.shape, np.uint8)
        inside = cv2.ellipse(mask, centre, axes, tilt, 0, 360, 1, -1).astype(bool)
        picture[inside] = np.broadcast_to(value, picture.shape)[inside]


def draw_sitter(picture, rng):
    """Draw a person so near the camera that face or shirt may fill the picture, in place."""
    size = len(picture)
    r = rng.uniform(0.2, 1.1)
    x, y = rng.uniform(-0.1, 1.1), rng.uniform(-1.7 * r, 0.8)
    light = 1 + draw_gradient(rng, size) * rng.uniform(0, 2)
    skin, hair, shirt = (v * light for v in rng.uniform(0.05, 1, 3))
    down, right = np.mgrid[-y : 1 - y : size * 1j, -x : 1 - x : size * 1j] / r
    skin = skin * (1 - rng.uniform(0, 0.5) * np.minimum(right**2 + 0.6 * down**2, 1))  # rounded
    parts = person_parts(skin, hair, shirt * (1 + draw_folds(rng, size)))
    if rng.random() < 0.3:
        parts.insert(2, (0, 0.5, 1.0, 1.5, hair))  # long hair
    if rng.random() < 0.3:
        parts.insert(-3, (0, 0.65, 0.6, 0.45, 0.5 * (hair + skin)))  # a beard
    aside = rng.uniform(-0.25, 0.25)
    parts += [(aside + 0.12, 0.2, 0.1, 0.18, skin * rng.uniform(0.75, 1))]  # beside the nose
    for side in (aside - 0.3, aside + 0.3):
        parts.append((side, -0.35, 0.2, 0.05, 0.5 * (hair + skin)))  # eyebrows
        if rng.random() < 0.8:  # sockets or glasses
            parts.append((side, -0.15, *rng.uniform(0.1, 0.26, 2), skin * rng.uniform(0.4, 0.8)))
    draw_parts(picture, parts, x * size, y * size, r * size, rng.normal(0, 10))
    if rng.random() < 0.7:
        picture[:] = cv2.GaussianBlur(picture, (0, 0), size * r * rng.uniform(0.01, 0.06))


def draw_folds(rng, size):
    """Draw folds of cloth: (size, size) in -0.4..0.4."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    bent = np.cos(angle) * x + np.sin(angle) * y + rng.uniform(0, 0.4) * np.sin(3 * x + 2 * y)
    return rng.uniform(0, 0.4) * np.sin(rng.uniform(3, 25) * bent)


def draw_band(picture, rng):
    """Draw a band across the picture, in place: door frame, edge of a table, curtain or books."""
    size = len(picture)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
    place = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-1.2, 1.2)
    sharpness, breadth = rng.uniform(4, 40), rng.uniform(0.1, 2)
    band = 1 / (1 + np.exp(-sharpness * place)) / (1 + np.exp(sharpness * (place - breadth)))
    kind = rng.choice(["plain", "curtain", "books"], p=[0.5, 0.25, 0.25])
    inside = rng.uniform(0, 1)
    if kind == "curtain":
        inside = inside * (1 + draw_folds(rng, size))
    if kind == "books":
        books = rng.uniform(0, 1, (rng.integers(1, 4), rng.integers(8, 30))).astype(np.float32)
        inside = cv2.resize(books, (size, size), interpolation=cv2.INTER_NEAREST)
    picture += (band * (inside - picture)).astype(np.float32)
