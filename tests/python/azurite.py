"""An Azure Blob server (Azurite) for as long as standard input stays open.

Starts Azurite on a free port of the loopback interface, with its objects in memory, and prints one JSON
line once its container is there. When standard input ends, because the tests have ended in whatever
way, the server is killed.

    azurite.py AZURITE
    {"endpoint": "http://127.0.0.1:15004/devstoreaccount1", "container": "lake", "account": …, "key": …}

AZURITE is its program, `azurite-blob`.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from email.utils import formatdate

CONTAINER = "lake"
ACCOUNT = "devstoreaccount1"
# The key that every Azurite has, as its documentation says.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
READY_WITHIN = 60.0


def main():
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bronzed-azurite-") as folder:
        server = subprocess.Popen(
            [sys.argv[1], "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence",
             "--skipApiVersionCheck", "--disableTelemetry", "--silent"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)
        try:
            problem = wait_until_ready(server, port)
            if problem:
                print(f"azurite did not start: {problem}", file=sys.stderr)
                return 1
            facts = {"endpoint": f"http://127.0.0.1:{port}/{ACCOUNT}", "container": CONTAINER,
                     "account": ACCOUNT, "key": KEY}
            print(json.dumps(facts), flush=True)
            ended = threading.Event()
            threading.Thread(
                target=lambda: (sys.stdin.buffer.read(), ended.set()), daemon=True).start()
            while not ended.wait(1.0) and server.poll() is None:
                pass
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    return 0


def wait_until_ready(server, port):
    """None when the container is there; otherwise what is wrong."""
    deadline = time.monotonic() + READY_WITHIN
    problem = "no answer"
    while time.monotonic() < deadline:
        if server.poll() is not None:
            return f"it ended with {server.returncode}"
        try:
            status = create_container(port)
        except OSError as error:
            problem = str(error)
            time.sleep(0.1)
            continue
        return None if status in (201, 409) else f"the container was answered with {status}"
    return problem


def create_container(port):
    """By the scheme that Azure calls Shared Key."""
    path = f"/{ACCOUNT}/{CONTAINER}"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    signed = "\n".join(
        ["PUT"] + [""] * 11 + [f"{name}:{value}" for name, value in sorted(headers.items())]
        + [f"/{ACCOUNT}{path}", "restype:container"])
    digest = hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    headers["Content-Length"] = "0"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("PUT", path + "?restype=container", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
