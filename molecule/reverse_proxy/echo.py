"""Answer each request with the headers that arrived, over the socket that systemd handed over."""

import http.server
import json
import socket
import socketserver


class Echo(http.server.BaseHTTPRequestHandler):
    """Shows what a service behind nginx sees."""

    def address_string(self) -> str:
        """A unix socket's peer has no address."""
        return "-"

    def do_GET(self) -> None:
        """Answer with the headers as JSON."""
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = socketserver.TCPServer(("", 0), Echo, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
server.serve_forever()
