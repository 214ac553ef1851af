"""What every benchmark needs: time, CPU and memory of a program, and what machine this is."""

import argparse
import datetime
import os
import platform
import statistics
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


def medians(name, command, runs):
    """Wall seconds, CPU seconds and peak memory (MiB) of a command: medians of so many runs after one to
    warm up."""
    say(name)
    return tuple(map(statistics.median, zip(*[once(command) for _ in range(runs + 1)][1:])))


def given_input(tool, make):
    """The command line of a benchmark over one file of messages, which `make` writes where there is none."""
    parser = argparse.ArgumentParser()
    for name in (tool, "input"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    given = parser.parse_args()
    if not os.path.exists(given.input):
        say("making the input")
        make(given.input + ".tmp", given.bytes)
        os.rename(given.input + ".tmp", given.input)
    return given


def message_head(kind, namespace, fields):
    """A message up to its first row."""
    fields = ",".join(f'{{"name":"{name}","type":"{ty}","nullable":false,"encoded":false}}' for name, ty in fields)
    return (f'{{"protocol":{{"type":"data_increment_{kind}","version":"1.3"}},"schema":{{"namespace":"{namespace}",'
            f'"batchId":0,"keys":["id"],"fields":[{fields}]}},"payload":[')


def heading(tool):
    """What a report begins with."""
    print(f"# {tool}, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {processor()}, {os.cpu_count()} cores.  ")


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def version(command):
    return subprocess.run([command, "--version"], capture_output=True, text=True).stdout.split("\n")[0].strip()
