#!/usr/bin/env python3
"""Measures the pace of a run while people look at the status page, against the same run while nobody does.

    benches/page.py target/release/bronzed                       20,000 records, 20 ms an answer, three rounds
    benches/page.py target/release/bronzed --openings 3000       openings of pages in a minute; 1,000 unless said

Each round runs a day twice, in new lakes, by a daemon of its own: unseen, and seen by clients that open the front page, the page of the dataset, and
that of the day, in turn, evenly spread over each minute. Printed are the run's seconds as the daemon tells them, medians and spread, their ratio, and how long
an opening took. Simulated API, daemon and clients share the machine's cores.
"""

import argparse
import datetime
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

DAY = "2025-10-22"
TOKEN = "a-token-of-the-benchmark"
PAGES = ["/", "/dataset/pncp/contratacoes", f"/dataset/pncp/contratacoes/{DAY}"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url, body=None):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body and json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def until(condition, seconds=120):
    """Returns the first true value of `condition`; ends if there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit("the daemon doesn't get there")


class Visitors:
    """Clients that open pages, evenly spread over each minute, until the block ends."""

    def __init__(self, base, openings):
        self.base, self.every, self.took, self.over = base, 60 / openings if openings else None, [], threading.Event()

    def __enter__(self):
        if self.every:
            self.clock = threading.Thread(target=self.open_all)
            self.clock.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        if self.every:
            self.clock.join()

    def open_all(self):
        due, number = time.monotonic(), 0
        while not self.over.wait(max(0, due - time.monotonic())):
            threading.Thread(target=self.open, args=(PAGES[number % len(PAGES)],), daemon=True).start()
            due, number = due + self.every, number + 1

    def open(self, page):
        begun = time.monotonic()
        ask(self.base + page)
        self.took.append(time.monotonic() - begun)


def seconds(asked, api, folder, openings):
    """Returns how long the daemon's run took, and how long each opening did."""
    port = free_port()
    environment = {
        **os.environ,
        "BRONZED__LAKE__URL": str(folder),
        "BRONZED__SERVER__LISTEN": f"127.0.0.1:{port}",
        "BRONZED__SERVER__TOKEN": TOKEN,
        "BRONZED__SOURCES__PNCP__BASE_URL": api,
        "BRONZED__SOURCES__COMPRASNET__ENABLED": "false",
        "BRONZED__SOURCES__TCU__ENABLED": "false",
        "BRONZED__TELEMETRY__LOG": "error",
    }
    daemon = subprocess.Popen([asked.program, "daemon"], env=environment, cwd=folder.parent)
    try:
        base = f"http://127.0.0.1:{port}"
        until(lambda: b"true" in ask(f"{base}/readyz"))
        for job in json.loads(ask(f"{base}/api/v1/jobs"))["jobs"]:
            ask(f"{base}/api/v1/jobs/{job['source']}/{job['name']}/pause", {})
        with Visitors(base, openings) as visitors:
            ask(f"{base}/api/v1/runs", {"source": "pncp", "dataset": "contratacoes", "days": [DAY], "mode": "full"})
            ended = f"{base}/api/v1/runs?day={DAY}&dataset=contratacoes&status="
            run = until(lambda: [run for status in ("ok", "partial", "failed") for run in json.loads(ask(ended + status))["runs"]])[0]
        if run["status"] != "ok":
            sys.exit(f"the run ended as {run['status']}: {run}")
        stamps = [re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", run[key]) for key in ("started_at", "ended_at")]
        begun, end = (time_of(stamp) for stamp in stamps)
        return end - begun, visitors.took
    finally:
        daemon.terminate()
        daemon.wait()


def time_of(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--latency", default="20ms", help="of each answer of the API")
    parser.add_argument("--openings", type=int, default=1_000, help="openings of pages in a minute")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    # Run where no configuration is: the embedded one is measured.
    asked.program = asked.program.resolve()
    simulate = ["simulate", "--faults", "0", "--records", str(asked.records), "--latency", asked.latency, "--day", DAY]
    api = subprocess.Popen([asked.program, *simulate], stdout=subprocess.PIPE, text=True)
    try:
        base = next(line for line in api.stdout if "PNCP__BASE_URL=" in line).split("PNCP__BASE_URL=")[1].split()[0]
        rows = {"unseen": [], "seen": []}
        openings = []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(asked.rounds):
                for name, count in (("unseen", 0), ("seen", asked.openings)):
                    took, opened = seconds(asked, base, Path(folder) / f"{name}-{number}", count)
                    rows[name].append(took)
                    openings += opened
        medians = {name: statistics.median(took) for name, took in rows.items()}
        for name, took in rows.items():
            print(f"{name:<8} {medians[name]:6.2f} s  ({min(took):.2f} to {max(took):.2f})  {medians[name] / medians['unseen']:.2f} ×")
        openings.sort()
        middle, late = openings[len(openings) // 2] * 1000, openings[len(openings) * 99 // 100] * 1000
        print(f"{len(openings)} openings: median {middle:.0f} ms, 99th of 100 {late:.0f} ms, load average {os.getloadavg()[0]:.1f}")
    finally:
        api.terminate()
        api.wait()


if __name__ == "__main__":
    main()
