"""An S3 server that takes conditional writes for plain ones, as some do.

Prints its URL, and serves until standard input ends. It knows one bucket, `lake`, and asks nobody
who they are.
"""

import hashlib
import http.server
import sys
import threading
import urllib.parse

OBJECTS = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        OBJECTS[self.key()] = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, etag=etag(OBJECTS[self.key()]))

    def do_GET(self):
        if "list-type" in self.path:
            self.answer(200, LISTING)
        elif self.key() in OBJECTS:
            self.answer(200, OBJECTS[self.key()], etag(OBJECTS[self.key()]))
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    do_HEAD = do_GET

    def do_DELETE(self):
        OBJECTS.pop(self.key(), None)
        self.answer(204)

    def key(self):
        return urllib.parse.urlsplit(self.path).path

    def answer(self, status, body=b"", etag=None):
        self.send_response(status)
        if etag is not None:
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", "Wed, 22 Oct 2025 12:00:00 GMT")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


LISTING = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
