"""An endpoint on loopback that speaks OpenAI's chat completions, well and badly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def says(text: str, tokens: tuple[int, int] | None = (100, 20)) -> Behaviour:
    """Answers with a text."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        document: dict[str, Any] = {"choices": [{"message": {"role": "assistant", "content": text}}]}
        if tokens is not None:
            document["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
        send(handler, json.dumps(document).encode())

    return answer


def proposes(reason: str = "it looks good", **params: Any) -> Behaviour:
    """Answers with a configuration; two underscores stand for a dot."""
    dotted = {name.replace("__", "."): value for name, value in params.items()}
    return says(json.dumps({"params": dotted, "reason": reason}))


def fails(status: int) -> Behaviour:
    return lambda handler: send(handler, b"{}", status)


def redirects(url: str) -> Behaviour:
    return lambda handler: send(handler, b"", 307, Location=url)


def talks_nonsense(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"<html>504</html>")


def hangs(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


def trickles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    for _ in range(20):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def closes(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@dataclass
class ChatServer:
    """What the server was asked; the last behaviour stays."""

    url: str = ""
    behaviours: list[Behaviour] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serve(*behaviours: Behaviour) -> Iterator[ChatServer]:
    """Run the server while the context lasts."""
    seen = ChatServer(behaviours=list(behaviours))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.questions.append({"path": self.path, **json.loads(body)})
            seen.keys.append(self.headers.get("Authorization"))
            behaviour = seen.behaviours.pop(0) if len(seen.behaviours) > 1 else seen.behaviours[0]
            try:
                behaviour(self)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        seen.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
