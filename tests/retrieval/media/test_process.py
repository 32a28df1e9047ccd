"""What the parent sees of a worker process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psutil
import pytest

from retrieval.media.process import WorkerProcess

BUSY = """
import sys, time
while time.process_time() < 0.3: pass
print("done", flush=True)
sys.stdin.read()
"""


def test_processor_seconds_are_those_of_the_system_and_0_when_it_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ours, theirs = socket.socketpair()
    with process, theirs:
        worker = WorkerProcess(process, ours)
        assert process.stdout is not None
        process.stdout.readline()
        times = psutil.Process(process.pid).cpu_times()
        granularity = 2 / os.sysconf("SC_CLK_TCK")
        assert worker.processor_seconds() == pytest.approx(times.user + times.system, abs=granularity)
        assert worker.processor_seconds() >= 0.3 - granularity
        assert worker.kill() == -9
        assert worker.processor_seconds() == 0.0
