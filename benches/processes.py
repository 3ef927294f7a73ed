#!/usr/bin/env python3
"""Compares whole processes side by side in one run: bronzed, plain Python, dlt, and a client that only fetches.

    benches/processes.py target/release/bronzed                        20,000 records at 0 ms, three rounds
    benches/processes.py OLD NEW --latency 100 --records 50000         two builds, and an API that takes its time
    benches/processes.py target/release/bronzed --without python dlt   without peers

Each round runs every contender once, in turn, so that what else the machine does falls on all of them. Printed are the
median and the spread of wall time and of CPU time (user and system, of the process and its children), the highest peak
of resident memory, and ratios to the first program. CPU a record is beside the bytes that the server sent. The server is
a process of its own: its CPU isn't counted, but on two cores it takes a part of one.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
DAY = "2025-10-22"


def measured(command, environment):
    """Returns wall seconds, CPU seconds and peak resident MiB of a command; ends if it fails."""
    start = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def contenders(asked, base, pages, folder):
    """Returns the name, command and environment of each contender."""
    found = []
    for number, program in enumerate(asked.programs):
        environment = {
            "BRONZED__SOURCES__PNCP__BASE_URL": base,
            "BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY": str(asked.in_flight),
            "BRONZED__LAKE__URL": str(folder / f"lake-{number}"),
            "BRONZED__TELEMETRY__LOG": "warn",
        }
        command = [program, "run", "pncp.contratacoes", "--day", DAY]
        found.append((f"bronzed {number + 1}" if number else "bronzed", command, environment))
    python = [sys.executable, PEERS / "requests_pandas.py", base, DAY, folder / "python"]
    floor = [sys.executable, PEERS / "fetch_and_discard.py", base, DAY, str(pages), str(asked.in_flight)]
    dlt = [sys.executable, PEERS / "dlt_rest_api.py", base, DAY, folder / "dlt"]
    if "python" not in asked.without:
        found.append(("plain Python", python, {}))
    if "dlt" not in asked.without:
        found.append(("dlt", dlt, {}))
    if "floor" not in asked.without:
        found.append(("fetch and discard", floor, {}))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", help="bronzed, as built; the first is the one that others are held against")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds before each answer")
    parser.add_argument("--in-flight", type=int, default=8, help="requests at a time, of bronzed and of the client that only fetches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], choices=["python", "dlt", "floor"])
    asked = parser.parse_args()
    asked.programs = [Path(program).resolve() for program in asked.programs]

    served = [sys.executable, PEERS / "server.py", "--records", str(asked.records), "--latency", str(asked.latency)]
    server = subprocess.Popen(served, stdout=subprocess.PIPE, text=True)
    figures = {}
    try:
        base = server.stdout.readline().strip()
        for _ in range(asked.rounds):
            folder = Path(tempfile.mkdtemp(prefix="bronzed-bench-"))
            try:
                for name, command, environment in contenders(asked, base, -(-asked.records // 50), folder):
                    figures.setdefault(name, []).append(measured(command, environment))
            finally:
                shutil.rmtree(folder)
    finally:
        server.kill()
        server.wait()
    show(asked, figures)


def show(asked, figures):
    print(f"{asked.records:,} records, {asked.latency:g} ms, {asked.rounds} rounds; load {os.getloadavg()[0]:.1f}")
    print(f"{'':18} {'wall s':>22} {'CPU s':>22} {'CPU us/record':>14} {'peak MiB':>9} {'wall':>7} {'CPU':>7}")
    first = None
    for name, rounds in figures.items():
        walls, cpus, peaks = zip(*rounds)
        wall, cpu = statistics.median(walls), statistics.median(cpus)
        first = first or (wall, cpu)
        spread = lambda of: f"{statistics.median(of):.2f} ({min(of):.2f} to {max(of):.2f})"
        print(
            f"{name:18} {spread(walls):>22} {spread(cpus):>22} {cpu / asked.records * 1e6:14.1f} {max(peaks):9.0f}"
            f" {wall / first[0]:6.2f}x {cpu / first[1]:6.2f}x"
        )


if __name__ == "__main__":
    main()
