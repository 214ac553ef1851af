"""Measures logrules and prints the report: lines a second for the access log of nginx and the log of
log4j, on one core and on all, beside a plain scan by ripgrep, angle-grinder, Vector and pygrok, those of
them that are here. Called by scripts/bench."""

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time

from bench_measure import once, processor, say, version

HERE = os.path.dirname(os.path.abspath(__file__))
LOGS = os.path.join(HERE, "..", "tests", "data", "logs")

NGINX = r'^(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"$'
LOG4J = r"^([-\d]+ [\d:,]+) \[([^\]]*)\] ([A-Z]+) +(\S+) - (.*)$"
GROK = {
    "nginx": r'^%{NOTSPACE:client} %{NOTSPACE:ident} %{NOTSPACE:user} \[%{HTTPDATE:time}\] "%{DATA:request}" '
             r'%{NUMBER:status} (?:%{NUMBER:bytes}|-) "%{DATA:referrer}" "%{DATA:agent}"$',
    "log4j": r"^%{TIMESTAMP_ISO8601:time} \[%{DATA:thread}\] %{LOGLEVEL:level} +%{NOTSPACE:class} - %{GREEDYDATA:message}$",
}
# Rules of one core's worth of work: the fields of the line with types and time, nothing looked up.
PLAIN = """
source = "web"
schema = "nginx"
[[table]]
name = "access"
[[table.group]]
name = "combined"
operators = [
    { op = "grok", pattern = '^%{COMBINEDLOG}$' },
    { op = "timestamp", cell = "time", format = "HTTPDATE" },
    { op = "saveAs", time = "time", columns = [
        { name = "client", type = "string" }, { name = "user", type = "string", null = "-" },
        { name = "request", type = "string" }, { name = "status", type = "int" },
        { name = "bytes", type = "long", null = "-" }, { name = "referrer", type = "string", null = "-" },
        { name = "agent", type = "string" },
    ] },
]
"""
# What Vector needs to do the same: each line taken apart and typed, and thrown away.
VECTOR = """
data_dir = "{work}"
[sources.lines]
type = "stdin"
max_length = 1048576
[transforms.parsed]
type = "remap"
inputs = ["lines"]
drop_on_error = true
source = '''
. = {function}
'''
[sinks.out]
type = "blackhole"
inputs = ["parsed"]
print_interval_secs = 0
"""
VECTOR_FUNCTION = {
    "nginx": 'parse_nginx_log!(.message, format: "combined")',
    "log4j": "parse_regex!(.message, r'^(?P<time>[-\\d]+ [\\d:,]+) \\[(?P<thread>[^\\]]*)\\] (?P<level>[A-Z]+) +(?P<class>\\S+) - (?P<message>.*)$')",
}


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("logrules", "work"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def grow(name, target, lines):
    """The sample's lines again and again, with other times, addresses and sizes."""
    if os.path.exists(target):
        return
    say(f"making {target}")
    sample = open(os.path.join(LOGS, name + ".log"), encoding="utf-8").read().splitlines()
    records = sample if name == "nginx" else []
    if name == "log4j":
        for line in sample:
            if line[:2] == "20":
                records.append(line)
            else:
                records[-1] += "\n" + line
    written = 0
    with open(target + ".tmp", "w", encoding="utf-8") as out:
        number = 0
        while written < lines:
            record = records[number % len(records)]
            seconds = number // 40
            clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            if name == "nginx":
                record = record.replace("127.0.0.1", f"10.{number % 251}.{number // 251 % 251}.7", 1)
                head, tail = record.split("/2026:", 1)
                record = head + "/2026:" + clock + tail[8:]
            else:
                record = record[:11] + clock + record[19:]
            out.write(record + "\n")
            written += record.count("\n") + 1
            number += 1
    os.rename(target + ".tmp", target)


def best(command, runs, read=os.devnull):
    """The best of several runs: wall, CPU, memory."""
    return min((once(command, read) for _ in range(runs)), key=lambda found: found[0])


def pygrok_rate(name, path):
    """Lines a second of pygrok on the first lines of the file; None where it is not there."""
    try:
        import pygrok
    except ImportError:
        return None
    grok = pygrok.Grok(GROK[name])
    lines = [line for _, line in zip(range(20_000), open(path, encoding="utf-8"))]
    started = time.perf_counter()
    for line in lines:
        grok.match(line.rstrip("\n"))
    return len(lines) / (time.perf_counter() - started)


def main():
    options = arguments()
    os.makedirs(options.work, exist_ok=True)
    plain = os.path.join(options.work, "plain.toml")
    open(plain, "w").write(PLAIN)
    print(f"# logrules, {datetime.date.today()}\n")
    print(f"{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}; "
          f"best of {options.runs} runs, output to /dev/null, files in the page cache.\n")
    others = ("rg", "agrind", "vector")
    tools = [version(tool) for tool in others if shutil.which(tool)]
    print("Beside: " + ", ".join(tools + ["pygrok (its first 20000 lines)"]) + ".\n")
    missing = [tool for tool in others if not shutil.which(tool)]
    if missing:
        print("Left out, because they cannot be had here: " + ", ".join(missing) + ".\n")
    for name, pattern in (("nginx", NGINX), ("log4j", LOG4J)):
        path = os.path.join(options.work, f"{name}-{options.lines}.log")
        grow(name, path, options.lines)
        size = os.path.getsize(path)
        lines = int(subprocess.run(["wc", "-l", path], capture_output=True, text=True).stdout.split()[0])
        print(f"## {name}: {lines:,} lines, {size / 1e6:.0f} MB\n")
        print("| | lines/s | MB/s | seconds | CPU | memory |")
        print("|---|---:|---:|---:|---:|---:|")
        rules = os.path.join(LOGS, name + ".toml")
        own = [options.logrules, "--quiet", "--from", path]
        rows = [("`rg -c`, the same expression", ["rg", "-c", "--no-config", pattern, path], os.devnull),
                ("`rg -c -j1`, with groups told apart by `-r`",
                 ["rg", "-o", "-r", "$5 $6", "--no-config", "--no-line-number", pattern, path], os.devnull)]
        if name == "nginx":
            rows += [("logrules, fields and time only, one thread for rules", own + ["--threads", "1", plain], os.devnull),
                     ("logrules, fields and time only", own + [plain], os.devnull)]
        rows += [(f"logrules, `{name}.toml`, one core", ["taskset", "-c", "0"] + own + ["--threads", "1", rules], os.devnull),
                 (f"logrules, `{name}.toml`", own + [rules], os.devnull)]
        if shutil.which("agrind"):
            query = '* | parse regex "(?P<a>^[^ ]+) [^ ]+ [^ ]+ .(?P<t>[^]]+). .(?P<r>[^\\"]*). (?P<s>[0-9]+)" | count by s' \
                if name == "nginx" else '* | parse "[*] * " as thread, level | count by level'
            rows.append(("angle-grinder, some of the fields, counted", ["agrind", "--file", path, query], os.devnull))
        if shutil.which("vector"):
            config = os.path.join(options.work, f"vector-{name}.toml")
            with open(config, "w", encoding="utf-8") as out:
                out.write(VECTOR.format(work=options.work, function=VECTOR_FUNCTION[name]))
            # A line is a record to it: the lines of a stack trace are dropped.
            rows.append(("Vector, fields and time, thrown away", ["vector", "--quiet", "--config", config], path))
        for title, command, read in rows:
            if not shutil.which(command[0]):
                say(f"{command[0]} is not here")
                continue
            wall, cpu, memory = best(command, options.runs, read)
            print(f"| {title} | {lines / wall:,.0f} | {size / wall / 1e6:,.0f} | {wall:.2f} | {cpu:.2f} | {memory:.0f} MiB |")
            sys.stdout.flush()
        rate = pygrok_rate(name, path)
        if rate:
            print(f"| pygrok, one core | {rate:,.0f} | {rate * size / lines / 1e6:,.0f} | | | |")
        print()
    print("```\n" + json.dumps({"lines": options.lines, "command": "scripts/bench logrules"}) + "\n```")


main()
