"""Make the contrast of images alike, as the first layer of a network."""

import torch

SIDES = 5, 13  # pixels, of the two squares around a pixel in which contrast is made alike


def normalise_contrast(x, size):
    """Make three channels of each image that are the same in a dark room and a bright one.

    float32 (N, 1, S, S) -> (N, 3, S, S). Each is the image less its mean, by its standard
    deviation: those of the whole image, then those of the two squares around each pixel. The latter
    is known as local contrast normalisation (Jarrett et al., 2009). `size` is S, a number: the
    exported model would compute that of the tensor anew for each image.
    """
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 is too coarse for this
        x = x - x.mean(dim=(2, 3), keepdim=True)
        x = x / (x.square().mean(dim=(2, 3), keepdim=True) + 0.01).sqrt()  # a flat image stays flat
        local = x - blur(x, size)  # (N, 2, S, S): one channel for each of SIDES
        return torch.cat([x, local / (blur(local.square(), size) + 0.05).sqrt()], dim=1)


def blur(x, size):
    """Box-blur each image: its channels by the first and the second square of SIDES.

    float32 (N, C, S, S) -> (N, 2, S, S); a single channel, C = 1, is blurred by both. Pixels out of
    the image do not count. Matrix products take a tenth of a pooling's time. They have the constant
    on their left: the exported model is read wrongly by OpenCV 5 where it is on the right.
    """
    place = torch.arange(size, device=x.device)
    distance = (place[:, None] - place).abs()
    near = torch.stack([distance <= side // 2 for side in SIDES]).to(x.dtype)  # bands of ones
    mean = near / near.sum(dim=-1, keepdim=True)  # (2, S, S)
    for _ in range(2):  # mean down the columns and turn; so the rows come next, and all is upright
        x = (mean @ x).transpose(-2, -1)
    return x
