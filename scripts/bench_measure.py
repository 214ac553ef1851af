"""What every benchmark needs: time, CPU and memory of a program, and what machine this is."""

import os
import platform
import subprocess
import sys
import tempfile
import time


def say(text):
    print("bench:", text, file=sys.stderr, flush=True)


def peak(process):
    """Peak memory so far, KiB. Not of the accounting at the end (ru_maxrss): that one begins with
    the memory of whoever started the process, and goes on over exec, wrapper scripts included."""
    try:
        for line in open(f"/proc/{process.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def measured(command, read=os.devnull):
    """Wall seconds, CPU seconds, peak memory (MiB), what was said and the exit code of one run that
    reads a file, its output thrown away."""
    complaint = tempfile.TemporaryFile()
    with open(read, "rb") as source:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL, stderr=complaint)
    memory = 0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        memory = peak(process) or memory
        time.sleep(0.01)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    complaint.seek(0)
    return wall, usage.ru_utime + usage.ru_stime, memory / 1024, complaint.read().decode(), process.returncode


def once(command, read=os.devnull):
    """Wall seconds, CPU seconds and peak memory (MiB) of one run, which must succeed."""
    *figures, said, code = measured(command, read)
    if code != 0:
        raise SystemExit(f"bench: {command[0]} ended with {code}: {said[-500:]}")
    return tuple(figures)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def version(command):
    return subprocess.run([command, "--version"], capture_output=True, text=True).stdout.split("\n")[0].strip()
