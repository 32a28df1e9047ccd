"""Where a step is computed: this process alone, on a CPU or a GPU, or one of several processes under accelerate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from retrieval.errors import MissingExtraError, UsageError
from retrieval.training.classifier.recipe import Precision

__all__ = ["AccelerateEngine", "Engine", "LocalEngine", "choose_engine"]

_TYPES: Final = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}


class Engine(Protocol):
    """What the loop needs of a machine."""

    device: torch.device
    rank: int
    """This process among ``world`` of them; the first, 0, measures and writes."""
    world: int

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Both, on the device; the model may be wrapped, and shares its weights with the one given."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Forward passes belong in it."""

    def step(self, loss: Tensor, model: nn.Module, optimizer: Optimizer, clip: float) -> None:
        """Backward, clip the gradient to the length ``clip``, and move the weights."""

    def state(self) -> dict[str, Any]:
        """What it learned of the run so far, beside model and optimizer: the scale of float16's losses."""

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave, in the same precision; an empty one changes nothing."""

    def wait(self) -> None:
        """For the other processes."""


def choose_engine(precision: Precision, device: str | None = None) -> Engine:
    """This process's engine: accelerate's where a launcher started several processes.

    Raises:
        MissingExtraError: several processes were started, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return AccelerateEngine(precision)
    return LocalEngine(precision, device)


def _resolved(precision: Precision, device: torch.device) -> torch.dtype:
    if precision is not Precision.AUTO:
        return _TYPES[precision]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _usable(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError, ValueError) as error:  # torch has no error of its own for these
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise UsageError(
            f"the device {name!r} can't be used here ({why}); expected one such as cpu or cuda:0"
        ) from error
    return device


class LocalEngine:
    """One process.

    Raises:
        UsageError: there is no such ``device`` on this machine.
    """

    rank: int = 0
    world: int = 1

    def __init__(self, precision: Precision = Precision.AUTO, device: str | None = None) -> None:
        self.device = _usable(device) if device else torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._type = _resolved(precision, self.device)
        # float16 alone has gradients too small for its range; bfloat16 has float32's.
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._type is torch.float16)

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The model moved in place, so that the optimizer keeps its weights."""
        return model.to(self.device), optimizer

    def autocast(self) -> AbstractContextManager[Any]:
        """torch's own; off in float32."""
        return torch.autocast(self.device.type, self._type, enabled=self._type is not torch.float32)

    def step(self, loss: Tensor, model: nn.Module, optimizer: Optimizer, clip: float) -> None:
        """As told in :class:`Engine`."""
        optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """As told in :class:`Engine`."""
        return dict(self._scaler.state_dict())

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """As told in :class:`Engine`."""
        if state:
            self._scaler.load_state_dict(dict(state))

    def wait(self) -> None:
        """There is nobody to wait for."""


class AccelerateEngine:
    """One of several processes, each with its device, under ``accelerate launch``."""

    def __init__(self, precision: Precision = Precision.AUTO) -> None:
        try:
            from accelerate import Accelerator
        except ImportError as error:
            raise MissingExtraError(
                "training in several processes needs accelerate, which is not installed; run: pip install vidi[train]"
            ) from error
        on_cpu = not torch.cuda.is_available()
        kind = _resolved(precision, torch.device("cpu" if on_cpu else "cuda"))
        names = {torch.float32: "no", torch.bfloat16: "bf16", torch.float16: "fp16"}
        self._accelerator = Accelerator(mixed_precision=names[kind], cpu=on_cpu)
        self.device: torch.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index
        self.world: int = self._accelerator.num_processes

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The model wrapped, so that gradients are averaged over the processes."""
        model.to(self.device)
        wrapped, prepared = self._accelerator.prepare(model, optimizer)
        return wrapped, prepared

    def autocast(self) -> AbstractContextManager[Any]:
        """accelerate's own."""
        context: AbstractContextManager[Any] = self._accelerator.autocast()
        return context

    def step(self, loss: Tensor, model: nn.Module, optimizer: Optimizer, clip: float) -> None:
        """As told in :class:`Engine`."""
        optimizer.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        self._accelerator.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()

    def state(self) -> dict[str, Any]:
        """As told in :class:`Engine`."""
        scaler = self._accelerator.scaler
        return {} if scaler is None else dict(scaler.state_dict())

    def continue_from(self, state: Mapping[str, Any]) -> None:
        """As told in :class:`Engine`."""
        if state and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(dict(state))

    def wait(self) -> None:
        """For the other processes."""
        self._accelerator.wait_for_everyone()
