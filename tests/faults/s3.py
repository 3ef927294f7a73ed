"""An S3 lake behind a network that fails, by the program itself.

A proxy stands before a real server (SeaweedFS). From one request on, one after the other, or at one
request alone, it

- answers 500, or 503 SlowDown
- passes the request on and closes the connection: a write has happened, and its reply is lost
- passes the request on and never answers: the same, and it is the program that gives up
- closes the connection at once
- answers 403 ExpiredToken: credentials that expire in the middle of a run
- kills the program (SIGKILL), before or after the request has reached the server

After each, the next run, without a fault, must make the day complete, and `bronzed state verify` find
nothing.

    s3.py PROGRAM WEED [STRIDE]     STRIDE 5: every fifth request only
"""

import concurrent.futures
import copy
import itertools
import json
import os
import subprocess
import sys
import threading
import time

import folder

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python")
sys.path.insert(0, SCRIPTS)
import proxy  # noqa: E402

# Requests that are tried at the same time, each with a proxy of its own: the program mostly waits.
AT_ONCE = 6
# How long the program waits for an answer. Long enough for a busy machine, and far below the 30 s that it
# waits where nothing is said.
PATIENCE = "2s"
ERROR = "<Error><Code>{}</Code><Message>by the test</Message></Error>"


class Proxy(proxy.Proxy):
    def __init__(self, upstream):
        self.ended = threading.Event()
        super().__init__(upstream, Handler)
        self.reset(None, 0, 0)

    def reset(self, fault, first, last):
        with self.lock:
            self.fault, self.first, self.last = fault, first, last
            self.count, self.fired, self.process = 0, 0, None

    def end(self):
        self.ended.set()
        self.shutdown()
        self.server_close()

    def next_fault(self):
        with self.lock:
            self.count += 1
            if self.fault and self.first <= self.count <= self.last:
                self.fired += 1
                return self.fault
            return None

    def handle_error(self, request, client_address):
        """A client that was killed is no news."""


class Handler(proxy.Handler):
    def pass_on(self):
        body = self.body()
        fault = self.server.next_fault()
        if fault == "500":
            return self.answer(500, [], ERROR.format("InternalError").encode())
        if fault == "503":
            return self.answer(503, [], ERROR.format("SlowDown").encode())
        if fault == "expired":
            return self.answer(403, [], ERROR.format("ExpiredToken").encode())
        if fault == "killed before":
            self.server.process.kill()
        if fault in ("closed", "killed before"):
            self.close_connection = True
            return None
        answered = self.forward(body)
        if fault == "killed after":
            self.server.process.kill()
        if fault == "unanswered":
            self.server.ended.wait()
        if fault in ("lost", "unanswered", "killed after"):
            self.close_connection = True
            return None
        return self.answer(*answered)


class World(folder.World):
    """The same, with lakes in a bucket behind the proxy."""

    def __init__(self, program, weed):
        super().__init__(program, 60)
        self.server = subprocess.Popen(
            [sys.executable, os.path.join(SCRIPTS, "seaweed.py"), weed],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.s3 = json.loads(self.server.stdout.readline())
        self.proxy = Proxy(self.s3["endpoint"])
        self.numbers = itertools.count(1)

    def by_another_way(self):
        """The same, behind a proxy of its own."""
        other = copy.copy(self)
        other.proxy = Proxy(self.s3["endpoint"])
        return other

    def close(self):
        super().close()
        self.server.stdin.close()
        self.server.wait()

    def lake(self):
        return f"s3://{self.s3['bucket']}/{next(self.numbers)}"

    def command(self, lake, *args, before=()):
        port = self.proxy.server_address[1]
        process = subprocess.Popen(
            [*before, self.program, *args], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "BRONZED__LAKE__URL": lake,
                "BRONZED__SOURCES__PNCP__BASE_URL": self.url,
                "BRONZED__COMMIT__MAX_RECORDS": "20",
                "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": self.s3["access_key"],
                "AWS_SECRET_ACCESS_KEY": self.s3["secret_key"],
                "AWS_ALLOW_HTTP": "true",
                "AWS_TIMEOUT": PATIENCE,
            })
        self.proxy.process = process
        return process


def one_request(world, first, fault, alone):
    """Says how often the fault came up, and whether the run ended by it."""
    world = world.by_another_way()
    lake = world.lake()
    world.proxy.reset(fault, first, first if alone else sys.maxsize)
    code, _, err = world.run(lake)
    fired = world.proxy.fired
    world.proxy.reset(None, 0, 0)
    assert code in (0, 1, 3, -9), f"{fault} {first}: {code}: {err}"
    assert fired or code == 0, f"{fault} {first}: {code} without a fault: {err}"
    if code in (1, 3) and fault == "expired":
        # The answer to a HEAD has no body to say why.
        assert "ExpiredToken" in err or "403 Forbidden" in err, err
        assert "check the credentials" in err, err
    world.assert_heals(lake, f"{fault} {'at' if alone else 'from'} request {first}")
    world.proxy.end()
    return fired, code != 0


def each_request(world, requests, fault, alone, stride):
    points = range(1, requests + 1, stride)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        tried = list(pool.map(lambda first: one_request(world, first, fault, alone), points))
    fired, met = sum(fired for fired, _ in tried), sum(fired > 0 for fired, _ in tried)
    ended = sum(ended for _, ended in tried)
    reach = "at one request" if alone else "from one request on"
    print(f"{fault} {reach}: {len(tried)} points, {met} of them met, {fired} faults, {ended} runs ended; "
          "each healed", flush=True)


def main():
    world = World(*sys.argv[1:3])
    stride = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    try:
        started = time.monotonic()
        lake = world.lake()
        world.proxy.reset(None, 0, 0)
        code, _, err = world.run(lake)
        assert code == 0, f"{code}: {err}"
        requests = world.proxy.count
        world.assert_heals(lake, "a sound run")
        print(f"a sound run of {world.records} records: {requests} requests", flush=True)
        for fault in ("killed before", "killed after", "lost", "unanswered", "500", "503", "closed"):
            each_request(world, requests, fault, alone=True, stride=stride)
        each_request(world, requests, "expired", alone=False, stride=stride)
        folder.together(world)
        each_request(world, requests, "503", alone=False, stride=stride)
        each_request(world, requests, "lost", alone=False, stride=stride)
        print(f"all in {time.monotonic() - started:.0f} s")
    finally:
        world.close()


if __name__ == "__main__":
    main()
