"""A real S3 server (SeaweedFS) for as long as standard input stays open.

Starts `weed server` on free ports of the loopback interface, in a folder of its own, and prints one
JSON line once an object can be stored. When standard input ends, because the tests have ended in
whatever way, the server is killed and its folder removed.

    seaweed.py WEED
    {"endpoint": "http://127.0.0.1:15004", "bucket": "lake", "access_key": …, "secret_key": …}
"""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUCKET = "lake"
ACCESS_KEY = "bronzed-tests"
SECRET_KEY = "bronzed-tests-secret"
# weed listens for gRPC at each port + 10,000. Both stay below the ephemeral ports of Linux, which
# an outgoing connection of any other test could take in between.
PORTS = range(11_000, 22_000)
GRPC = 10_000
SERVICES = ("master", "volume", "filer", "s3")
ATTEMPTS = 5
READY_WITHIN = 90.0


def main():
    weed = sys.argv[1]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), ended.set()), daemon=True).start()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: ended.set())
    for attempt in range(1, ATTEMPTS + 1):
        server = Server(weed)
        try:
            problem = server.wait_until_ready(ended)
            if problem is None:
                print(json.dumps(server.facts()), flush=True)
                server.wait_until(ended)
            elif attempt < ATTEMPTS and not ended.is_set():
                continue
            else:
                print(f"weed did not start: {problem}\n{server.log()}", file=sys.stderr)
                return 1
        finally:
            server.kill()
        return 0


class Server:
    def __init__(self, weed):
        self.folder = tempfile.mkdtemp(prefix="bronzed-seaweed-")
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        config = self.path("s3.json")
        # No "Admin": an administrator's first write would create a missing bucket.
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"identities": [{
                "name": "tests",
                "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
                "actions": ["Read", "Write", "List", "Tagging"],
            }]}, file)
        os.mkdir(self.path("data"))
        command = [
            weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.path('data')}",
            "-master.telemetry=false", "-master.volumeSizeLimitMB=256", "-volume.max=16",
            "-filer", f"-filer.localSocket={self.path('filer.sock')}",
            "-s3", f"-s3.config={config}", f"-s3.localSocket={self.path('s3.sock')}",
            "-s3.autoCreateBucket=false", "-s3.iam=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0",
        ]
        command += [f"-{service}.port={port}" for service, port in self.ports.items()]
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def wait_until_ready(self, ended):
        """None when an object can be stored; otherwise what is wrong."""
        deadline = time.monotonic() + READY_WITHIN
        problem = "no answer"
        while time.monotonic() < deadline and not ended.wait(0.1):
            if self.process.poll() is not None:
                return f"it ended with {self.process.returncode}"
            problem = self.first_problem()
            if problem is None:
                return None
        return problem

    def first_problem(self):
        """Creates the bucket and an object through the filer, then asks the S3 door."""
        steps = [
            ("filer", "POST", f"/buckets/{BUCKET}/", None, (201, 409)),  # 409: made already
            ("filer", "PUT", f"/buckets/{BUCKET}/.ready", b"ready", (201,)),
            ("filer", "DELETE", f"/buckets/{BUCKET}/.ready", None, (204,)),
            ("s3", "GET", "/", None, (403,)),  # up, and closed to strangers
        ]
        for service, method, path, body, expected in steps:
            try:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self.ports[service], timeout=5)
                connection.request(method, path, body)
                status = connection.getresponse().status
                connection.close()
            except OSError as error:
                return f"{service}: {error}"
            if status not in expected:
                return f"{service}: {method} {path} was answered with {status}"
        return None

    def facts(self):
        return {
            "endpoint": f"http://127.0.0.1:{self.ports['s3']}",
            "bucket": BUCKET,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
        }

    def wait_until(self, ended):
        while not ended.wait(1.0):
            if self.process.poll() is not None:
                print(f"weed ended by itself\n{self.log()}", file=sys.stderr)
                return

    def log(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-30:])

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        for service, port in self.ports.items():
            # Left behind by weed when it is killed.
            try:
                os.unlink(f"/tmp/seaweedfs-{service}-grpc-{port + GRPC}.sock")
            except FileNotFoundError:
                pass


def free_ports(count):
    """Ports that are free together with their gRPC port. Another process may still be quicker:
    then weed ends at once, and the next attempt takes others."""
    found = []
    for port in random.sample(PORTS, len(PORTS)):
        if is_free(port) and is_free(port + GRPC):
            found.append(port)
            if len(found) == count:
                return found
    raise SystemExit("no free ports")


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
