"""The motion expert: how camera and things move, each second, from dense optical flow on small frames.

Flow is that of DIS (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"), between two neighbouring
frames of each second. The camera's part is fitted to it and taken off (as in Jain et al. 2013, "Better Exploiting
Motion for Better Action Recognition", whose kinematic terms name it: divergence, curl, shear); the rest is told by
histograms of flow (HOF) and of motion boundaries (MBH; Dalal et al. 2006, "Human Detection Using Oriented Histograms
of Flow and Appearance").

Velocities are in long sides of the picture a second, so that neither size nor frame rate changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import FramePair, Piece, Stream
from retrieval.models.imports import import_opencv
from retrieval.types import Float32Array

__all__ = ["CAMERA_TERMS", "Camera", "Motion", "motion_features"]

CAMERA_TERMS: Final = ("pan", "tilt", "zoom", "rotation", "stretch", "shear")
"""The first columns of a feature; see :class:`Camera`."""

_ORIENTATIONS: Final = 8
_FLOW_CELLS: Final = 3
_BOUNDARY_CELLS: Final = 2
_SIZES: Final = 5
_DIM: Final = (
    len(CAMERA_TERMS)
    + _SIZES
    + _ORIENTATIONS
    + (_ORIENTATIONS + 1) * _FLOW_CELLS**2
    + 2 * _ORIENTATIONS * _BOUNDARY_CELLS**2
)

_VELOCITY_MOST: Final = 5.0  # long sides a second; flow that claims more has lost its way
_STILL_PIXELS: Final = 0.1  # a displacement smaller than this is none
_TEXTURE_HALF: Final = 6.0  # grey levels a pixel at which flow is half believed: on flat colour it is a guess
_STRIDE: Final = 4  # of the points that the camera is fitted to
_FIT_ROUNDS: Final = 6
_TUKEY: Final = 4.685  # in robust standard deviations: 95 % efficient where errors are normal
_RIDGE: Final = 1e-3
_FLOW_SIDE_LEAST: Final = 16  # OpenCV refuses smaller frames
_FINEST_SCALE: Final = 1  # flow at half the size of the frames


@dataclass(frozen=True, slots=True)
class Camera:
    """The flow that a moving camera makes, ``u = pan + ..., v = tilt + ...``, affine in the place.

    With x to the right and y down, in half long sides from the middle of the picture: ``u = pan + (zoom + stretch) x +
    (shear - rotation) y`` and ``v = tilt + (shear + rotation) x + (zoom - stretch) y``. Signs are those of what is
    seen: a camera that pans to the right moves the picture to the left, so ``pan`` is negative; ``zoom`` is positive
    where things grow, ``rotation`` where they turn clockwise.
    """

    pan: float
    tilt: float
    zoom: float
    rotation: float
    stretch: float
    shear: float


class Motion:
    """The expert. A feature has 164 columns:

    ====== =====================================================================================================
    6      the camera: pan, tilt, zoom, rotation, stretch, shear (:class:`Camera`)
    5      sizes: mean of all flow; mean, standard deviation and 95th percentile of the flow that the camera does
           not explain; the share of the picture that the camera does not explain
    8      histogram of all flow by direction, weighted by velocity (right, then clockwise as seen)
    81     on a grid of 3 x 3, row by row: the same of what the camera does not explain, and the share that stays
    64     motion boundaries on a grid of 2 x 2: the directions of the gradients of u, then of v
    ====== =====================================================================================================

    All but the shares are signed square roots, which keep small motions visible beside large ones.
    """

    name: Final = "motion"
    version: Final = "dis-hof-mbh-1"
    dim: Final = _DIM
    stream: Final = Stream.PAIRS

    def load(self) -> None:
        """Import OpenCV.

        Raises:
            MissingExtraError: it isn't installed, or can't be imported.
        """
        _flow_method()

    def begin(self) -> MotionReading:
        """Begin to read a file."""
        return MotionReading()


class MotionReading:
    """One file."""

    def __init__(self) -> None:
        self._method = _flow_method()
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take a pair; of a second only the first."""
        assert isinstance(piece, FramePair)
        second = float(int(piece.time_seconds))
        if not self._rows or self._rows[-1][0] < second:
            self._rows.append((second, second + 1, motion_features(piece, self._method)))

    def finish(self, duration_seconds: float) -> Told:
        """A row ``[k, k + 1)`` for each second that a pair was seen in."""
        return Told(track_of(self._rows, _DIM, duration_seconds))


def motion_features(pair: FramePair, method: Any = None) -> Float32Array:
    """The feature ``[164]`` of one pair of frames. ``method``: OpenCV's, to be used again by the same thread."""
    flow = _velocity(pair, method or _flow_method())
    texture = _texture(pair.before)
    camera, explained = _fit_camera(flow, texture, _still_velocity(pair))
    rest = (flow - _camera_flow(camera, flow.shape)) * texture[..., None]
    speeds = np.linalg.norm(rest, axis=2)
    sizes = [np.linalg.norm(flow, axis=2).mean(), speeds.mean(), speeds.std(), np.quantile(speeds, 0.95)]
    still = (speeds < _still_velocity(pair)).astype(np.float32)
    directions = _directions(rest)
    grid = np.concatenate([_cells(directions, _FLOW_CELLS), np.square(_cells(still[..., None], _FLOW_CELLS))], axis=2)
    boundaries = [_cells(_directions(_gradient(rest[..., axis])), _BOUNDARY_CELLS) for axis in (0, 1)]
    whole = _cells(_directions(flow), 1)
    terms = [camera.pan, camera.tilt, camera.zoom, camera.rotation, camera.stretch, camera.shear]
    values = np.concatenate(
        [terms, sizes, [(1 - explained) ** 2], whole.ravel(), grid.ravel(), *(cells.ravel() for cells in boundaries)]
    )
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), np.float32)


def _flow_method() -> Any:
    vision = import_opencv()  # here, since a library of pictures alone never needs it
    method = vision.DISOpticalFlow_create(vision.DISOPTICAL_FLOW_PRESET_FAST)
    method.setFinestScale(_FINEST_SCALE)
    return method


def _velocity(pair: FramePair, method: Any) -> Float32Array:
    """Flow ``[height, width, 2]``, to the right and down, in long sides a second."""
    height, width = pair.before.shape
    lacking = [(0, max(0, _FLOW_SIDE_LEAST - side)) for side in (height, width)]
    before, after = (np.pad(frame, lacking, mode="edge") for frame in (pair.before, pair.after))
    flow: Float32Array = method.calc(before, after, None)[:height, :width]
    velocity = flow / np.float32(max(pair.before.shape) * pair.gap_seconds)
    return np.asarray(np.nan_to_num(velocity, posinf=0, neginf=0).clip(-_VELOCITY_MOST, _VELOCITY_MOST))


def _still_velocity(pair: FramePair) -> float:
    return float(_STILL_PIXELS / (max(pair.before.shape) * pair.gap_seconds))


def _texture(grey: Any) -> Float32Array:
    """How far flow can be believed at each pixel, 0 to 1 ``[height, width]``."""
    steepness = np.linalg.norm(_gradient(grey.astype(np.float32)), axis=2)
    return np.asarray(steepness / (steepness + np.float32(_TEXTURE_HALF)), np.float32)


def _gradient(values: Float32Array) -> Float32Array:
    """Differences ``[height, width, 2]`` to the right and down, of central neighbours; 0 at the edge."""
    gradient = np.zeros((*values.shape, 2), np.float32)
    gradient[:, 1:-1, 0] = (values[:, 2:] - values[:, :-2]) / 2
    gradient[1:-1, :, 1] = (values[2:] - values[:-2]) / 2
    return gradient


def _places(shape: tuple[int, ...]) -> tuple[Float32Array, Float32Array]:
    """x ``[1, width]`` and y ``[height, 1]`` in half long sides from the middle."""
    height, width = shape[:2]
    half = max(height, width) / 2
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / half
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / half
    return x[None, :], y[:, None]


def _fit_camera(flow: Float32Array, texture: Float32Array, still: float) -> tuple[Camera, float]:
    """The camera, by least squares weighted again and again with Tukey's biweight; the share that it explains."""
    x, y = _places(flow.shape)
    points = slice(_STRIDE // 2, None, _STRIDE)
    velocity = flow[points, points].reshape(-1, 2).astype(np.float64)
    trust = texture[points, points].ravel().astype(np.float64)
    columns = (np.ones_like(flow[..., 0]), np.broadcast_to(x, flow.shape[:2]), np.broadcast_to(y, flow.shape[:2]))
    places = np.stack([column[points, points].ravel() for column in columns], axis=1).astype(np.float64)
    if trust.sum() < 1e-6:  # one flat colour, or smaller than one stride: nothing is seen to move
        return Camera(0, 0, 0, 0, 0, 0), 1.0
    weights, fitted = trust, np.zeros((3, 2))
    inside = np.ones_like(trust)
    for _ in range(_FIT_ROUNDS):
        weighted = places * weights[:, None]
        ridge = _RIDGE * weights.sum() * np.diag([0.0, 1.0, 1.0])  # of a single textured spot only the shift is known
        fitted = np.linalg.lstsq(weighted.T @ places + ridge, weighted.T @ velocity, rcond=None)[0]
        apart = np.linalg.norm(velocity - places @ fitted, axis=1)
        scale = _TUKEY * max(1.4826 * _weighted_median(apart, trust), still)
        inside = np.square(np.clip(1 - np.square(apart / scale), 0, None))
        weights = trust * inside
    (pan, tilt), (ux, vx), (uy, vy) = fitted
    camera = Camera(pan, tilt, (ux + vy) / 2, (vx - uy) / 2, (ux - vy) / 2, (uy + vx) / 2)
    return camera, float((trust * (inside > 0)).sum() / trust.sum())


def _weighted_median(values: Any, weights: Any) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])


def _camera_flow(camera: Camera, shape: tuple[int, ...]) -> Float32Array:
    x, y = _places(shape)
    u = camera.pan + (camera.zoom + camera.stretch) * x + (camera.shear - camera.rotation) * y
    v = camera.tilt + (camera.shear + camera.rotation) * x + (camera.zoom - camera.stretch) * y
    return np.stack([u, v], axis=2).astype(np.float32)


def _directions(vectors: Float32Array) -> Float32Array:
    """Lengths of ``vectors [height, width, 2]``, shared between the two nearest of eight directions: ``[..., 8]``."""
    lengths = np.linalg.norm(vectors, axis=2)
    place = np.arctan2(vectors[..., 1], vectors[..., 0]) * (_ORIENTATIONS / (2 * np.pi)) % _ORIENTATIONS
    lower = np.floor(place).astype(np.intp) % _ORIENTATIONS
    upper_share = (place - np.floor(place)).astype(np.float32)
    bins = np.zeros((*lengths.shape, _ORIENTATIONS), np.float32)
    np.put_along_axis(bins, lower[..., None], (lengths * (1 - upper_share))[..., None], axis=2)
    upper = (lower + 1) % _ORIENTATIONS
    np.put_along_axis(bins, upper[..., None], (lengths * upper_share)[..., None], axis=2)
    return bins


def _cells(values: Float32Array, cells: int) -> Float32Array:
    """Means of ``[height, width, k]`` over a grid: ``[cells, cells, k]``."""
    rows = np.array_split(values, cells, axis=0)
    # A picture of fewer pixels than cells leaves some empty.
    return np.array(
        [
            [
                part.mean(axis=(0, 1)) if part.size else np.zeros(values.shape[2])
                for part in np.array_split(row, cells, axis=1)
            ]
            for row in rows
        ],
        np.float32,
    )
