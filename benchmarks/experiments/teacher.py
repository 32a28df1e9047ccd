"""The convolutional teacher of the experiments: three blocks of two convolutions, then the mean over the picture."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

__all__ = ["ConvolutionalTeacher"]


class ConvolutionalTeacher(nn.Module):
    """From pixels [n, 3, s, s] to logits [n, classes]; each block halves the side."""

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for before, width in pairwise((3, *widths)):
            parts += [*_convolution(before, width), *_convolution(width, width), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*parts)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Any side that is a multiple of 2 to the number of blocks."""
        logits: Tensor = self.head(self.body(pixels).mean(dim=(2, 3)))
        return logits


def _convolution(before: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
