"""Draw the affine maps by which training images are moved."""

import math

import torch


def draw_affine(n, angle, zoom, shift, shear):
    """Draw maps from an output image's coordinates, -1..1, to the input's: float32 (n, 2, 3).

    Each is the product of a rotation by up to `angle` degrees, a shear (x grows with y), a zoom and
    half the time a mirror, then a shift by up to a share `shift` of the image's side.
    """
    turn = uniform(n, math.radians(angle))
    scale = 1 / (1 + uniform(n, zoom))
    mirror = torch.randint(0, 2, (n,)) * 2 - 1
    slope = uniform(n, shear)
    maps = torch.empty(n, 2, 3)
    maps[:, 0, 0] = mirror * scale * turn.cos()
    maps[:, 0, 1] = mirror * scale * (slope - turn.sin())
    maps[:, 1, 0] = scale * turn.sin()
    maps[:, 1, 1] = scale * turn.cos()
    maps[:, :, 2] = uniform(2 * n, 2 * shift).view(n, 2)  # coordinates span 2
    return maps


def uniform(n, limit):
    """Draw n numbers from -limit to limit from torch's global random generator."""
    return torch.empty(n).uniform_(-limit, limit)
