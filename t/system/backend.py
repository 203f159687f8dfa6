"""A backend behind the gateway, as an HTTP server of its own."""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.body()
        status = self.server.backend.take(self.path, self.headers, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *args):
        pass


class Backend:
    """Keeps what it was sent; answers 200, or what status says."""

    def __init__(self, test, port=0):
        self.lock = threading.Lock()
        self.requests = []
        self.status = 200
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port),
                                                      Handler)
        self.server.daemon_threads = True
        self.server.backend = self
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": .05})
        self.thread.start()
        test.addCleanup(self.close)

    def take(self, path, headers, body):
        with self.lock:
            self.requests.append((path, headers, body))
        return self.status

    def close(self):
        """Refuses connections from now on."""
        if self.thread:
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()
            self.thread = None
