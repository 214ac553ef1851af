"""Measures the way to a Kafka topic and back beside kcat, which moves the same bytes, and beside
kafka-producer-perf-test, and prints the report. Called by scripts/bench."""

import argparse
import datetime
import os
import shutil
import statistics
import subprocess
import tempfile

from bench_measure import once, processor, say

HERE = os.path.dirname(os.path.abspath(__file__))


class Broker:
    """A throw-away broker of scripts/servers."""

    def __init__(self, port):
        self.folder = tempfile.mkdtemp(prefix="dws-bench-kafka.")
        self.list = f"127.0.0.1:{port}"
        subprocess.run([HERE + "/servers", "start", "kafka", self.folder, str(port), "log.segment.bytes=268435456", "log.segment.delete.delay.ms=1000"], check=True)
        self.tool = subprocess.run([HERE + "/servers", "path", "kafka", "topics"], check=True, capture_output=True, text=True).stdout.strip()

    def topics(self, *arguments):
        subprocess.run([self.tool, "--bootstrap-server", self.list, *arguments], check=True, stdout=subprocess.DEVNULL)

    def make(self, topic, partitions):
        self.topics("--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1")

    def drop(self, topic):
        self.topics("--delete", "--topic", topic)

    def stop(self):
        subprocess.run([HERE + "/servers", "stop", self.folder], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("tail", "filter", "log", "perf"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--work", required=True, help="a folder for the messages, some GB")
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="of messages that kcat and perf-test move")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--port", type=int, default=24180)
    given = parser.parse_args()
    # The same messages for everybody: whole lines of dbus-tail, each below the largest record.
    path = os.path.join(given.work, f"kafka-{given.bytes}.ums")
    if not os.path.exists(path):
        say("making the messages")
        with open(path + ".tmp", "wb") as out:
            tail = subprocess.Popen([given.tail, "--quiet", "--batch-bytes", "512KiB", "--marker-every", "1h", given.log], stdout=subprocess.PIPE)
            for line in tail.stdout:
                out.write(line)
                if out.tell() >= given.bytes:
                    break
            tail.terminate()
            tail.stdout.close()
            tail.wait()
        os.rename(path + ".tmp", path)
    size = os.path.getsize(path)
    with open(path, "rb") as lines:
        count = sum(1 for _ in lines)
    broker = Broker(given.port)
    try:
        report(given, broker, path, size, count)
    finally:
        broker.stop()


def report(given, broker, path, size, count):
    kafka = lambda topic: f"kafka://{broker.list}/{topic}"
    plain = ["-X", "compression.codec=none"]
    lz4 = ["-X", "compression.codec=lz4"]
    kcat = ["kcat", "-b", broker.list, "-X", "queue.buffering.max.kbytes=32768", "-X", "message.max.bytes=2000000"]
    safe = ["-X", "enable.idempotence=true"]
    producers, consumers = [], []
    for partitions in (1, 6):
        for name, codec in (("not compressed", plain), ("lz4", lz4)):
            place = f"{partitions} partition{'s' * (partitions > 1)}, {name}"
            producers += [
                (f"ums-filter --to, {place}", partitions, lambda topic, codec=codec: [given.filter, "--quiet", "--from", path, "--to", kafka(topic), *codec]),
                (f"kcat -P, {place}", partitions, lambda topic, codec=codec: [*kcat, "-P", "-t", topic, "-l", path, *codec, *safe]),
            ]
    # Records of the average size, of random bytes that are made on the fly.
    average = size // count
    producers.append(("kafka-producer-perf-test, 1 partition, not compressed", 1, lambda topic: [
        given.perf, "--topic", topic, "--num-records", str(count), "--record-size", str(average), "--throughput", "-1",
        "--producer-props", f"bootstrap.servers={broker.list}", "acks=all", "max.request.size=2000000", "buffer.memory=33554432"]))
    print(f"# Kafka, {datetime.date.today().isoformat()}\n")
    print(f"Machine: {processor()}, {os.cpu_count()} cores; the broker (Apache Kafka, KRaft, 512 MB heap) runs on the same cores.  ")
    print(f"Messages: {size / 1e6:.0f} MB in {count} records of {average} bytes on average, made by dbus-tail, in the page cache. "
          f"Medians of {given.runs} runs after one to warm up, in turns; CPU and memory are the program's own. All producers are idempotent with acks=all.\n")
    print("## To a topic\n\n| | MB/s | CPU s | peak MiB |\n|---|---|---|---|")
    kept = {}
    # In turns, the first of each to warm up: a young broker is slow, and so is a disk that writes behind.
    figures = {name: [] for name, _, _ in producers}
    for number in range(given.runs + 1):
        for place, (name, partitions, command) in enumerate(producers):
            topic = f"to-{place}-{number}"
            broker.make(topic, partitions)
            say(name)
            taken = once(command(topic))
            if number > 0:
                figures[name].append(taken)
            if number < given.runs:
                broker.drop(topic)
            kept[name] = topic
    for name, _, _ in producers:
        row(name, size, figures[name])
    log = os.path.getsize(given.log)
    figures = []
    for number in range(given.runs):
        broker.make(f"log-{number}", 1)
        say("dbus-tail --to")
        figures.append(once([given.tail, "--quiet", "--to", kafka(f"log-{number}"), *lz4, given.log]))
        broker.drop(f"log-{number}")
    row("dbus-tail --to, 1 partition, lz4 (MB of binlog)", log, figures)
    print("\n## From a topic to /dev/null\n\n| | MB/s | CPU s | peak MiB |\n|---|---|---|---|")
    for name, partitions, _ in producers:
        if not name.startswith("ums-filter"):
            continue
        topic, place = kept[name], name.split(", ", 1)[1]
        say("from " + place)
        ours = [given.filter, "--quiet", "--from", kafka(topic) + "?group=bench", "--exit-at-end", "--to", "/dev/null"]
        alone = [given.filter, "--quiet", "--from", kafka(topic), "--exit-at-end", "--to", "/dev/null"]
        theirs = ["kcat", "-b", broker.list, "-C", "-e", "-q", "-t", topic, "-o", "beginning", "-X", "isolation.level=read_committed"]
        row(f"ums-filter --from, {place}", size, [once(alone) for _ in range(given.runs)])
        # A group remembers, so each run has its own.
        grouped = [once([part.replace("=bench", f"=bench{number}") for part in ours]) for number in range(given.runs)]
        row(f"the same in a group, with the time to join it, {place}", size, grouped)
        row(f"kcat -C, {place}", size, [once(theirs) for _ in range(given.runs)])


def row(name, size, figures):
    wall, cpu, memory = (statistics.median(column) for column in zip(*figures))
    print(f"| {name} | {size / 1e6 / wall:.0f} | {cpu:.1f} | {memory:.0f} |", flush=True)


main()
