"""A folder lake under real faults of the system, by the program itself.

The program reads a day of its own simulator, under strace, which lets single system calls go wrong:

- in the order of a sound run: data is on disk (fsync) before it gets its name (link, rename), the
  folder of the name is on disk before the next object is begun, a file before the state that counts it
- killed (SIGKILL) at each call that changes the lake, one after the other; strace counts calls thread by
  thread, so that those which no thread makes so often aren't met: `.ci/run failpoints` meets them all
- EIO at each of those calls; a disk that is full (a small tmpfs); a folder that can't be written
- five processes on one day at once

After each fault the next run, without one, must make the day complete, and `bronzed state verify` find
nothing. What can't be tried on this machine is said aloud, and makes the script fail.

    folder.py PROGRAM [STRIDE]      STRIDE 5: every fifth point only
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

DAY = "2025-10-22"
TARGET = "pncp.contratacoes"
# The calls that change a folder lake, or make sure of a change.
CALLS = ("fsync", "linkat", "rename", "unlink")
# A run that takes longer hangs.
LIMIT = 600


class World:
    """The program, its simulator, and a place for lakes."""

    def __init__(self, program, records):
        self.program = os.path.abspath(program)
        self.folder = tempfile.mkdtemp(prefix="bronzed-faults-")
        self.lakes = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.simulator = subprocess.Popen(
            [self.program, "simulate", "--port", str(port), "--records", str(records),
             "--faults", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = re.search(r"PNCP__BASE_URL=(\S+)", self.simulator.stdout.readline())[1]
        self.records = None

    def close(self):
        self.simulator.kill()
        self.simulator.wait()
        shutil.rmtree(self.folder)

    def lake(self):
        self.lakes += 1
        return os.path.join(self.folder, f"lake{self.lakes}")

    def command(self, lake, *args, before=()):
        env = {
            "PATH": os.environ["PATH"],
            "BRONZED__LAKE__URL": lake,
            "BRONZED__SOURCES__PNCP__BASE_URL": self.url,
            "BRONZED__COMMIT__MAX_RECORDS": "20",
        }
        return subprocess.Popen(
            [*before, self.program, *args], env=env, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, lake, before=()):
        process = self.command(lake, "run", TARGET, "--day", DAY, "--json", before=before)
        out, err = process.communicate(timeout=LIMIT)
        return process.returncode, out, err

    def traced(self, lake, *options):
        trace = os.path.join(self.folder, "trace")
        calls = ",".join(CALLS)
        strace = ("strace", "-f", "-y", "-qq", "-o", trace, "-e", f"trace={calls}", *options)
        outcome = self.run(lake, strace)
        with open(trace, encoding="utf-8", errors="replace") as file:
            return outcome, file.read()

    def assert_heals(self, lake, what):
        """The next run completes the day, and nothing is lost, doubled, or left over."""
        code, out, err = self.run(lake)
        assert code == 0, f"{what}: the next run ended with {code}: {err[-2000:]}"
        assert json.loads(out)["complete"], f"{what}: {out}"
        verify = self.command(lake, "state", "verify", TARGET, "--json")
        out, err = verify.communicate(timeout=60)
        assert verify.returncode == 0, f"{what}: {out}{err}"
        found = json.loads(out)
        if self.records is None:
            self.records = found["rows"]
        assert found["rows"] == found["ids"] == self.records, f"{what}: {found}"


def in_order(trace, lake):
    """Checks the order of a sound run; gives how often each call is made."""
    synced, named, state, files = set(), [], 0, 0
    for line in trace.splitlines():
        if not line.endswith("= 0"):
            continue
        call = re.search(r"\b(\w+)\(", line)[1]
        paths = re.findall(r'"([^"]+)"', line)
        if call == "fsync":
            path = re.search(r"<(.*?)>", line)[1]
            synced.add(path)
            named = [name for name in named if os.path.dirname(name) != path]
        elif call in ("linkat", "rename"):
            source, name = paths
            if not name.startswith(lake) or "/_bronzed/" in name:
                continue
            assert source in synced, f"{name} was named before its data was on disk"
            assert not named, f"{name} was named while the folder of {named} wasn't on disk"
            named.append(name)
            synced.discard(source)
            files += name.endswith(".parquet")
            state += name.endswith(".json")
    assert not named, f"the folder of {named} never was on disk"
    # A state with the first file, and one as the last word of the run; those between may lag.
    assert files > 1 and state >= 2, (files, state)
    return {call: len(re.findall(rf"\b{call}\(", trace)) for call in CALLS}


def each_call(world, counts, injected, what, stride):
    tried = met = ended = 0
    for call in CALLS:
        for number in range(1, counts[call] + 1, stride):
            lake = world.lake()
            (code, _, err), trace = world.traced(
                lake, "-e", f"inject={call}:{injected}:when={number}")
            assert code in (0, 1, 3, -signal.SIGKILL, 128 + signal.SIGKILL), f"{code}: {err}"
            tried += 1
            met += "(INJECTED)" in trace or "killed by SIGKILL" in trace
            ended += code != 0
            world.assert_heals(lake, f"{what} at {call} {number}")
            shutil.rmtree(lake)
    assert met, f"{what} was never met"
    print(f"{what}: {tried} points, {met} of them met, {ended} runs ended; each healed", flush=True)


def full_disk(world):
    for kilobytes in (16, 32, 48, 64):
        lake = world.lake()
        os.mkdir(lake)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", lake], check=True)
        try:
            code, _, err = world.run(lake)
            assert code in (1, 3), f"{code}: {err}"
            assert "No space left" in err or "StorageFull" in err, err
            subprocess.run(["mount", "-o", "remount,size=64m", lake], check=True)
            world.assert_heals(lake, f"a disk of {kilobytes} kB")
        finally:
            subprocess.run(["umount", lake], check=True)
    print("a full disk: 4 sizes; each healed when there was room", flush=True)


def read_only(world):
    lake = world.lake()
    world.run(lake)
    subprocess.run(["mount", "--bind", lake, lake], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", lake], check=True)
        code, _, err = world.run(lake)
        assert code == 1, f"{code}: {err}"
        assert "Read-only file system" in err, err
    finally:
        subprocess.run(["umount", lake], check=True)
    world.assert_heals(lake, "a read-only folder")
    print("a read-only folder: refused with its reason", flush=True)


def together(world):
    for count in (2, 5):
        for _ in range(2):
            lake = world.lake()
            runs = [world.command(lake, "run", TARGET, "--day", DAY, "--json") for _ in range(count)]
            outcomes = [(run.communicate(timeout=120), run.returncode) for run in runs]
            new = sum(json.loads(out)["new"] for (out, _), _ in outcomes)
            assert all(code == 0 for _, code in outcomes), outcomes
            assert new == world.records, f"{new} of {world.records} were new"
            world.assert_heals(lake, f"{count} processes at once")
    print("2 and 5 processes at once, twice each: each record new to one of them", flush=True)


def main():
    if shutil.which("strace") is None:
        sys.exit("NOT TRIED: there is no strace")
    world = World(sys.argv[1], 60)
    stride = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    try:
        started = time.monotonic()
        lake = world.lake()
        (code, out, err), trace = world.traced(lake)
        assert code == 0, f"{code}: {err}"
        counts = in_order(trace, lake)
        world.assert_heals(lake, "a sound run")
        print(f"a sound run of {world.records} records: {counts}, in order", flush=True)
        each_call(world, counts, "signal=KILL", "SIGKILL", stride)
        each_call(world, counts, "error=EIO", "EIO", stride)
        together(world)
        if os.geteuid() != 0:
            sys.exit("NOT TRIED: a full disk and a read-only folder need root")
        full_disk(world)
        read_only(world)
        print(f"all in {time.monotonic() - started:.0f} s")
    finally:
        world.close()


if __name__ == "__main__":
    main()
