"""An S3 lake behind a network that fails, by the program itself.

A proxy stands before a real server (SeaweedFS). From one request on, one after the other, or at one
request alone, it

- answers 500, or 503 SlowDown
- passes the request on and closes the connection: a write has happened, and its reply is lost
- closes the connection at once
- answers 403 ExpiredToken: credentials that expire in the middle of a run
- kills the program (SIGKILL), before or after the request has reached the server

After each, the next run, without a fault, must make the day complete, and `bronzed state verify` find
nothing.

    s3.py PROGRAM WEED [STRIDE]     STRIDE 5: every fifth request only
"""

import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import folder

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "python")
ERROR = "<Error><Code>{}</Code><Message>by the test</Message></Error>"


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = urlsplit(upstream).netloc
        self.lock = threading.Lock()
        self.reset(None, 0, 0)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def reset(self, fault, first, last):
        with self.lock:
            self.fault, self.first, self.last = fault, first, last
            self.count, self.fired, self.process = 0, 0, None

    def next_fault(self):
        with self.lock:
            self.count += 1
            if self.fault and self.first <= self.count <= self.last:
                self.fired += 1
                return self.fault
            return None

    def handle_error(self, request, client_address):
        """A client that was killed is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
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
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            response = upstream.getresponse()
            content = response.read()
        finally:
            upstream.close()
        if fault == "killed after":
            self.server.process.kill()
        if fault in ("lost", "killed after"):
            self.close_connection = True
            return None
        return self.answer(response.status, response.getheaders(), content)

    def answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length")
        head = self.command == "HEAD"
        self.send_header("Content-Length", (length or "0") if head else str(len(content)))
        self.end_headers()
        if not head:
            self.wfile.write(content)
        return None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on

    def log_message(self, *_):
        pass


class World(folder.World):
    """The same, with lakes in a bucket behind the proxy."""

    def __init__(self, program, weed):
        super().__init__(program, 60)
        self.server = subprocess.Popen(
            [sys.executable, os.path.join(SCRIPTS, "seaweed.py"), weed],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.s3 = json.loads(self.server.stdout.readline())
        self.proxy = Proxy(self.s3["endpoint"])

    def close(self):
        super().close()
        self.server.stdin.close()
        self.server.wait()

    def lake(self):
        self.lakes += 1
        return f"s3://{self.s3['bucket']}/{self.lakes}"

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
            })
        self.proxy.process = process
        return process


def each_request(world, requests, fault, alone, stride):
    tried = ended = fired = 0
    for first in range(1, requests + 1, stride):
        tried += 1
        lake = world.lake()
        world.proxy.reset(fault, first, first if alone else sys.maxsize)
        code, _, err = world.run(lake)
        fired += world.proxy.fired
        world.proxy.reset(None, 0, 0)
        assert code in (0, 1, 3, -9), f"{fault} {first}: {code}: {err}"
        if code in (1, 3) and fault == "expired":
            assert "ExpiredToken" in err and "check the credentials" in err, err
        ended += code != 0
        world.assert_heals(lake, f"{fault} {'at' if alone else 'from'} request {first}")
    reach = "at one request" if alone else "from one request on"
    print(f"{fault} {reach}: {tried} points, {fired} faults, {ended} runs ended; each healed", flush=True)


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
        for fault in ("killed before", "killed after", "lost", "500", "503", "closed"):
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
