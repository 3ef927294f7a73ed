#!/usr/bin/env python3
"""Measures whole processes over growing sizes, and how they grow: records of a day, days of a lake, datasets.

    benches/sizes.py target/release/bronzed                         all three
    benches/sizes.py target/release/bronzed days datasets           some of them
    benches/sizes.py target/release/bronzed records --largest 100000

Beside each figure stands its exponent since the size before: 1.0 grows as the size does, 0.0 not at all. A lake of days
has the markers of complete days and nothing else, so that a plan, a status and a daemon have nothing left to read. No
job is ever due, and no API is asked. The daemon is ready when `/readyz` says so, which is asked for each millisecond; its
memory is that of five seconds later, and the CPU that of the ten seconds after. "own" is what no file backs.
"""

import argparse
import datetime
import http.client
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from processes import DAY, PEERS, measured

CONFIG = Path(__file__).resolve().parents[1] / "config"
NOWHERE = "http://127.0.0.1:9/"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("what", nargs="*", help="records, days, datasets; all if none is named")
    parser.add_argument("--largest", type=int, default=1_000_000, help="records")
    asked = parser.parse_args()
    # What is read of the disk for the first time is nobody's figure.
    measured([asked.program, "--version"], {})
    kinds = {"records": records, "days": days, "datasets": datasets}
    for kind in asked.what or kinds:
        folder = Path(tempfile.mkdtemp(prefix="bronzed-sizes-"))
        try:
            kinds[kind](asked.program.resolve(), folder, asked)
        finally:
            shutil.rmtree(folder)


def records(program, folder, asked):
    """Reads a day of 1,000 records, of ten times as many, and so on."""
    table = Table("records of a day", ["wall s", "CPU s", "peak MiB"])
    for size in (10**power for power in range(3, 10)):
        if size > asked.largest:
            break
        served = [sys.executable, PEERS / "server.py", "--records", str(size)]
        server = subprocess.Popen(served, stdout=subprocess.PIPE, text=True)
        try:
            environment = {
                **quiet(folder / f"lake-{size}"),
                "BRONZED__SOURCES__PNCP__BASE_URL": server.stdout.readline().strip(),
                "BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY": "8",
            }
            table.row(size, measured([program, "run", "pncp.contratacoes", "--day", DAY], environment))
        finally:
            server.kill()
            server.wait()


def days(program, folder, _):
    """Plans, shows and watches lakes of 10 to 10,000 complete days of each dataset, and one of 54,000 days in all."""
    table = Table("complete days of each dataset", STANDING)
    config = quiet_config(folder / "config", 0)
    for size in (10, 100, 1_000, 1_800, 10_000):
        lake = lake_of(folder / f"lake-{size}", config, size)
        table.row(size, standing(program, config, lake, size))
        shutil.rmtree(lake)


def datasets(program, folder, _):
    """The same for 30 to 300 datasets, each with 100 complete days."""
    table = Table("datasets", STANDING)
    for copies in (0, 2, 9):
        config = quiet_config(folder / f"config-{copies}", copies)
        lake = lake_of(folder / f"lake-{copies}", config, 100)
        table.row(len(list(prefixes(config))), standing(program, config, lake, 100))


STANDING = ["plan s", "status s", "ready ms", "resident MiB", "own MiB", "idle CPU %"]


class Table:
    """Rows of figures, printed as they come, with the exponents between neighbours."""

    def __init__(self, title, columns):
        self.before = None
        print(f"\nload {os.getloadavg()[0]:.1f}\n{title:>30}" + "".join(f"{column:>20}" for column in columns))

    def row(self, size, figures):
        line = f"{size:>30,}"
        for number, figure in enumerate(figures):
            line += f"{figure:>13.3f}"
            if self.before and figure > 0 and self.before[1][number] > 0:
                grown = math.log(figure / self.before[1][number]) / math.log(size / self.before[0])
                line += f" ^{grown:>4.2f} "
            else:
                line += " " * 7
        self.before = (size, figures)
        print(line, flush=True)


def quiet(lake):
    return {"BRONZED__LAKE__URL": str(lake), "BRONZED__TELEMETRY__LOG": "error"}


def quiet_config(folder, copies):
    """Copies the shipped configuration: no job is due, no API is asked, each source as often again as wanted."""
    shutil.copytree(CONFIG, folder)
    for path in [folder / "bronzed.toml", *(folder / "sources").glob("*.toml")]:
        text = re.sub(r'(?m)^cron = ".*"', 'cron = "0 0 29 2 *"', path.read_text())
        text = re.sub(r'(?m)^catch_up = ".*"', 'catch_up = "1s"', text)
        text = re.sub(r"(?m)^earliest = .*$", "", text)
        path.write_text(re.sub(r'(?m)^base_url = ".*"', f'base_url = "{NOWHERE}"', text))
    for path in list((folder / "sources").glob("*.toml")):
        for number in range(1, copies + 1):
            name = f"{path.stem}{number}"
            text = path.read_text().replace(f'name = "{path.stem}"', f'name = "{name}"', 1)
            text = re.sub(r'(?m)^prefix = "(.*)"', rf'prefix = "again{number}/\1"', text)
            (path.parent / f"{name}.toml").write_text(text.replace(f'"{path.stem}/', f'"{name}/'))
            if (path.parent / path.stem).is_dir():
                shutil.copytree(path.parent / path.stem, path.parent / name)
    return folder


def prefixes(config):
    for path in (config / "sources").glob("*.toml"):
        for name, table in tomllib.loads(path.read_text())["dataset"].items():
            yield table.get("prefix", f"{path.stem}_{name}")


def lake_of(lake, config, size):
    """Makes a lake in which the last days up to yesterday are complete."""
    today = datetime.date.today()
    names = [f"{today - datetime.timedelta(days=age):%Y%m%d}" for age in range(1, size + 1)]
    for prefix in prefixes(config):
        folder = lake / prefix / "_state/complete"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).touch()
    return lake


def standing(program, config, lake, size):
    """Returns what a plan, a status and a daemon take over a lake."""
    bronzed = [program, "--config", config]
    measured([*bronzed, "status"], quiet(lake))
    today = datetime.date.today()
    span = ["--from", str(today - datetime.timedelta(days=size)), "--to", str(today - datetime.timedelta(days=1))]
    plan = measured([*bronzed, "backfill", "pncp.contratacoes", *span, "--dry-run"], quiet(lake))[0]
    status = measured([*bronzed, "status"], quiet(lake))[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, **quiet(lake), "BRONZED__SERVER__LISTEN": f"127.0.0.1:{port}"}
    start = time.monotonic()
    daemon = subprocess.Popen([*bronzed, "daemon"], env=environment, stdout=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if daemon.poll() is not None or time.monotonic() - start > 60:
                sys.exit("the daemon isn't ready")
            time.sleep(0.001)
        ready = (time.monotonic() - start) * 1_000
        time.sleep(5)
        memory = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(f"/proc/{daemon.pid}/status").read_text()))
        before = ticks(daemon.pid)
        time.sleep(10)
        idle = (ticks(daemon.pid) - before) / os.sysconf("SC_CLK_TCK") / 10 * 100
    finally:
        daemon.terminate()
        daemon.wait()
    return plan, status, ready, int(memory["VmRSS"]) / 1024, int(memory["RssAnon"]) / 1024, idle


def is_ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main()
