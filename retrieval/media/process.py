"""One media worker as its parent sees it: starting it, talking to it, ending it."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time

from retrieval.errors import TransientMediaError
from retrieval.media import wire
from retrieval.settings import MediaLimits, SamplingSettings

__all__ = ["WorkerProcess"]

# A fresh interpreter, not a fork (the parent has threads), and not multiprocessing's spawn (which runs the caller's
# script again, unless it has a main guard).
BOOT = """
import sys
descriptor, parent, *sys.path[:] = sys.argv[1:]
from retrieval.media.worker_process import main
main(int(descriptor), int(parent))
"""
START_SECONDS = 60.0
SOCKET_BYTES = 1 << 20
"""Room for a few frames on their way."""
STDERR_TAIL_BYTES = 2000


class WorkerProcess:
    """A running media worker. Call :meth:`start` in the thread that keeps it, for it dies with that thread."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._clock = _processor_clock(process.pid)

    @classmethod
    def start(cls, limits: MediaLimits, sampling: SamplingSettings, niceness: int) -> WorkerProcess:
        """Start a worker and wait until it is ready. Raises TransientMediaError where it can't be."""
        ours, theirs = socket.socketpair()
        for end, option in ((ours, socket.SO_RCVBUF), (theirs, socket.SO_SNDBUF)):
            end.setsockopt(socket.SOL_SOCKET, option, SOCKET_BYTES)
        with tempfile.TemporaryFile() as stderr, theirs:
            arguments = [sys.executable, "-W", "ignore", "-c", BOOT, str(theirs.fileno()), str(os.getpid()), *sys.path]
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,  # libraries print of damaged files what is nobody's concern; only a failed start is told
                pass_fds=[theirs.fileno()],
                process_group=0,  # out of reach of the terminal's Ctrl-C
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            worker = cls(process, ours)
            theirs.close()  # else the end of the worker would not be the end of the conversation
            try:
                wire.send(ours, wire.settings_message(limits, sampling, niceness))
                worker.receive(START_SECONDS)
            except (wire.Closed, TimeoutError) as exc:
                worker.kill()
                stderr.seek(0)
                said = stderr.read()[-STDERR_TAIL_BYTES:].decode("utf-8", "replace").split("\n")
                last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
                raise TransientMediaError(f"a media worker did not start ({last}); check memory and try again") from exc
            return worker

    @property
    def identifier(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self._process.poll() is None

    def send(self, head: wire.Head) -> None:
        """Send one message. Raises :class:`~retrieval.media.wire.Closed`."""
        wire.send(self._channel, head)

    def receive(self, seconds: float) -> wire.Message:
        """The next message. Raises TimeoutError after ``seconds`` of silence, Closed if the worker is gone."""
        self._channel.settimeout(seconds)
        return wire.receive(self._channel)

    def processor_seconds(self) -> float:
        """The time that processor cores spent on it so far; 0 when it is gone. Asked at every frame, so it is cheap."""
        if self._clock is None:
            return _processor_seconds_by_psutil(self._process.pid)
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0

    def kill(self) -> int:
        """End it at once and give its exit code (negative: the signal that ended it, perhaps before this)."""
        self._process.kill()
        code = self._process.wait()
        self._channel.close()
        return code


def _processor_clock(pid: int) -> int | None:
    """The clock of a process's time on processors (clock_getcpuclockid(3)); None where the system has none to read."""
    clock = ctypes.c_int()
    if sys.platform != "linux" or ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        return None
    return clock.value


def _processor_seconds_by_psutil(pid: int) -> float:
    import psutil  # here, since each worker imports this package and would pay for it at its start

    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(used.user + used.system)
