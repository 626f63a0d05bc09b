"""A server that speaks OpenAI's chat completions, word for word as a test scripts it."""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

WAIT_S = 5.0
"""Bounds a wait for something that never comes; no test waits for it."""


class Received(NamedTuple):
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""

    body: Any

    @property
    def text(self) -> str:
        """All of it, to look for what must not be in there."""
        return f"{self.path}\n{dict(self.headers)}\n{json.dumps(self.body)}"


Reply = Callable[["Exchange"], None]
"""How one request is answered."""


class Exchange:
    """One request, and the ways to answer it."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, request: Received, gone: threading.Event
    ) -> None:
        self._handler = handler
        self.request = request
        self._gone = gone

    @property
    def streams(self) -> bool:
        """Whether the answer is wanted in pieces."""
        return bool(self.request.body.get("stream"))

    def answer(
        self,
        text: str | None,
        *,
        tool_calls: Sequence[Mapping[str, Any]] = (),
        finish: str = "stop",
        usage: tuple[int, int] = (11, 7),
    ) -> None:
        """A whole answer, in the form that was asked for."""
        tokens = {
            "prompt_tokens": usage[0],
            "completion_tokens": usage[1],
            "total_tokens": sum(usage),
        }
        if not self.streams:
            message = {"role": "assistant", "content": text}
            if tool_calls:
                message["tool_calls"] = list(tool_calls)  # type: ignore[assignment]  # JSON
            choice = {"index": 0, "finish_reason": finish, "message": message}
            self.json(200, {**_head("chat.completion"), "choices": [choice], "usage": tokens})
            return
        self.begin_stream()
        self.deltas(text or "")
        for index, each in enumerate(tool_calls):
            self.chunk({"tool_calls": [{"index": index, **each}]})
        self.chunk({}, finish=finish)
        if (self.request.body.get("stream_options") or {}).get("include_usage"):
            self.event({**_head("chat.completion.chunk"), "choices": [], "usage": tokens})
        self.end_stream()

    def json(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        """A body of JSON."""
        content = json.dumps(body).encode()
        self._begin(status, {"content-type": "application/json", **(headers or {})})
        self._handler.send_header("content-length", str(len(content)))
        self._handler.end_headers()
        self._handler.wfile.write(content)

    def refuse(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An error in OpenAI's form."""
        error = {"message": message, "type": "error", "param": None, "code": code}
        self.json(status, {"error": error}, headers)

    def begin_stream(self) -> None:
        """The head of an answer in pieces, and its first, which says who speaks."""
        self._begin(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        self._handler.end_headers()
        self.chunk({"role": "assistant", "content": ""})

    def deltas(self, text: str) -> None:
        """A text, word by word."""
        for word in re.findall(r"\s*\S+|\s+$", text):
            self.chunk({"content": word})

    def chunk(self, delta: Mapping[str, Any], *, finish: str | None = None) -> None:
        """One piece of an answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        self.event({**_head("chat.completion.chunk"), "choices": [choice]})

    def event(self, data: Mapping[str, Any] | str) -> None:
        """One server-sent event."""
        text = data if isinstance(data, str) else json.dumps(data)
        content = f"data: {text}\n\n".encode()
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self._handler.wfile.flush()

    def end_stream(self) -> None:
        """The end of an answer in pieces."""
        self.event("[DONE]")
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close the connection in the midst of things."""
        self._handler.close_connection = True
        with suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Have the caller see its connection reset."""
        self._handler.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.close()

    def hang(self) -> None:
        """Write nothing more, and wait until the caller closes the connection."""
        connection = self._handler.connection
        readable, _, _ = select.select([connection], [], [], WAIT_S)
        self._handler.close_connection = True
        if readable and connection.recv(1, socket.MSG_PEEK) == b"":
            self._gone.set()

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)


class OpenAIServer:
    """What the server was asked, and what it answers.

    Args:
        address: What goes into ``api_base``.
        otherwise: How requests are answered for which there is no reply.
    """

    def __init__(self, otherwise: Reply) -> None:
        self.address = ""
        self.requests: list[Received] = []
        self.lists: list[Received] = []
        """Requests for the list of models."""

        self.gone = threading.Event()
        """Set once a caller has closed its connection before it had its answer."""

        self._replies: list[Reply] = []
        self._otherwise = otherwise
        self._lock = threading.Lock()

    def next(self, *replies: Reply) -> None:
        """Answer the next requests like this, one each."""
        self._replies.extend(replies)

    def reply(self, exchange: Exchange) -> None:
        """Answer one request; called by the server, on a thread of the request's own."""
        with self._lock:
            self.requests.append(exchange.request)
            reply = self._replies.pop(0) if self._replies else self._otherwise
        reply(exchange)

    @property
    def authorizations(self) -> list[str]:
        """What the requests said about who sends them."""
        return [each.headers.get("authorization", "") for each in self.requests]


def says(text: str, **options: Any) -> Reply:
    """A reply with this text."""
    return lambda exchange: exchange.answer(text, **options)


def fields(**values: Any) -> str:
    """Output fields as DSPy's chat adapter expects them."""
    written = [f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in values.items()]
    return "".join([*written, "[[ ## completed ## ]]\n"])


def refuses(status: int, message: str, **options: Any) -> Reply:
    """A reply with an error."""
    return lambda exchange: exchange.refuse(status, message, **options)


@contextmanager
def openai_server(otherwise: Reply | None = None) -> Iterator[OpenAIServer]:
    """A server on a free port of the loopback while the block runs."""
    server = OpenAIServer(otherwise or says(fields(answer="42")))

    class Handling(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Received(self.path, _headers(self), None)
            server.lists.append(request)
            listed = {"object": "list", "data": [{"id": "test-model", "object": "model"}]}
            Exchange(self, request, server.gone).json(200, listed)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            exchange = Exchange(self, Received(self.path, _headers(self), body), server.gone)
            try:
                server.reply(exchange)
            except ConnectionError:
                self.close_connection = True
                server.gone.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Serving(ThreadingHTTPServer):
        daemon_threads = True
        # Threads end when their callers close their connections, which they do in their own time.
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Say nothing: connections that break are what some tests are about."""

    with Serving(("127.0.0.1", 0), Handling) as http:
        server.address = f"http://127.0.0.1:{http.server_port}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(timeout=WAIT_S)


def _headers(handler: BaseHTTPRequestHandler) -> dict[str, str]:
    return {name.lower(): value for name, value in handler.headers.items()}


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "test-model-0613"}
