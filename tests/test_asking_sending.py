"""How a body is sent: the same over aiohttp and, behind a proxy, over the client's transport."""

from __future__ import annotations

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from extract.asking import Unreachable
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer, completion

OWN = {"host", "content-length", "connection", "transfer-encoding"}
"""Headers of the connection, which each library says in its own way."""


def sent(route: str = "ok") -> tuple[dict[str, str], dict[str, Any], int]:
    """Return the headers and the body of the one call that a question costs, and its length."""
    with ChaosServer() as server:
        assert 1 == len(ask(server.url(route)).answers)
        headers = server.headers[route][0]
        said = {name: value for name, value in headers.items() if name not in OWN}
        return said, server.bodies[route][0], int(headers["content-length"])


def test_a_call_says_the_same_over_either_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proxy is set anywhere, the client's own transport sends what aiohttp would."""
    over_aiohttp = sent()
    monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    over_its_own = sent()

    assert over_aiohttp == over_its_own
    assert {"application/json"} == {over_aiohttp[0][name] for name in ("accept", "content-type")}
    assert "paperfacts" == over_aiohttp[0]["user-agent"]


@pytest.mark.parametrize("is_proxied", [False, True])
def test_the_limit_of_an_answer_holds_over_either_transport(
    monkeypatch: pytest.MonkeyPatch, is_proxied: bool
) -> None:
    """An answer over the limit ends as that, however it is sent."""
    if is_proxied:
        monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    with ChaosServer() as server:
        outcome = ask(server.url("ok"), max_response_bytes=20)

    assert ["too_large"] == outcome.failure_classes


def test_what_is_wrong_with_an_answer_is_said_without_links() -> None:
    """To the model, which pays for each word of it, and to the user, who has one line for it."""
    with ChaosServer() as server:
        outcome = ask(server.url("wrong-schema"))
        told = server.bodies["wrong-schema"][1]["messages"]

    assert "Field required" in outcome.only.message
    assert "Field required" in str(told)
    assert "pydantic.dev" not in f"{outcome.only.message} {told}"


@pytest.mark.skipif(which("openssl") is None, reason="makes a certificate with openssl")
@pytest.mark.parametrize("is_proxied", [False, True])
def test_a_server_whose_certificate_nobody_vouches_for_hears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_proxied: bool
) -> None:
    """Until its certificate is named to be trusted."""
    if is_proxied:
        monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    heard: list[str] = []
    server = _https_server(tmp_path, heard)
    url = f"https://127.0.0.1:{server.server_address[1]}/v1"
    try:
        outcome = ask(url)
        assert [Unreachable] == [type(each) for each in outcome.errors]
        assert "self-signed certificate" in str(outcome.errors[0])
        assert [] == heard

        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert 1 == len(ask(url).answers)
        assert ["/v1/chat/completions"] == heard
    finally:
        server.shutdown()
        server.server_close()


def _https_server(folder: Path, heard: list[str]) -> HTTPServer:
    """Start a server with a certificate that it has signed itself."""
    files = "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")
    named = "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"
    make = "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"
    subprocess.run([*make, *files, *named], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(completion())

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that hang up within the handshake are what is tested

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server
