"""Answers below `/v2`: what is asked there goes to the handlers of the gRPC server."""

from typing import Any

from google.protobuf.message import Message
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ...common.settings import ServerSettings
from ...rpc.context import Context, Ended
from ...rpc.inference.messages import SERVICE
from ...rpc.reading import in_thread
from ..bodies import Gone
from ..calls import Calls
from ..envelopes import compressed, is_worth, takes_gzip
from ..errors import http_status
from ..incoming import context_of, headers_of
from ..writing import LARGE_BYTES
from .requests import Asked
from .responses import Answer, as_answer
from .rules import ANY, RULES, Rule

_NOT_FOUND, _NOT_ALLOWED, _UNAUTHENTICATED = 404, 405, 401


def inference_routes(calls: Calls, settings: ServerSettings) -> list[BaseRoute]:
    """Give what answers below `/v2`; put it before what answers everywhere.

    Args:
        calls: asks the handlers.
        settings: what requests may hold.
    """
    most = settings.bounds.max_elements
    routes = [Route(path, _Path(rule, calls, most)) for path, rule in RULES.items()]
    return [*routes, Route("/v2/{rest:path}", _Nowhere())]


class _Path:
    """Answers what is asked at one path."""

    def __init__(self, rule: Rule, calls: Calls, most: int) -> None:
        self._rule, self._calls, self._most = rule, calls, most
        self._method = f"/{SERVICE.full_name}/{rule.method}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        context = context_of(scope, headers)
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]
        if self._rule.verb not in (verb, ANY):
            refusal = as_answer({"error": f"expected {self._rule.verb}, got {verb}"})
            allowed = {**refusal.headers, "allow": self._rule.verb}
            await _send(send, refusal._replace(status=_NOT_ALLOWED, headers=allowed), context)
            return
        asked = Asked(scope["path_params"], headers, self._most)
        try:
            answer = await self._answer(asked, context, receive)
        except Ended as end:
            answer = _refusal(end)
        except Gone:
            return
        await _send(send, answer, context)

    async def _answer(self, asked: Asked, context: Context, receive: Receive) -> Answer:
        requests: list[Message] = []

        def read(body: bytes) -> Message:
            requests.append(self._rule.read(asked._replace(body=body)))
            return requests[0]

        response = await self._calls.ask(self._method, asked.headers, context, receive, read)
        if response.ByteSize() < LARGE_BYTES:
            return self._told(asked, requests[0], response)
        return await in_thread(self._told, asked, requests[0], response)

    def _told(self, asked: Asked, request: Message, response: Message) -> Answer:
        answer = self._rule.tell(request, response)
        packs = self._rule.packs and takes_gzip(asked.headers.get("accept-encoding", ""))
        if not packs or not is_worth(answer.body):
            return answer
        headers = {**answer.headers, "content-encoding": "gzip", "vary": "accept-encoding"}
        return answer._replace(body=compressed(answer.body), headers=headers)


class _Nowhere:
    """Answers where there is nothing."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = as_answer({"error": f"there is no {scope['path'][:200]} here"})
        context = context_of(scope, headers_of(scope))
        await _send(send, told._replace(status=_NOT_FOUND), context)


def _refusal(end: Ended) -> Answer:
    told = as_answer({"error": end.status.message})
    status = http_status(end.status)
    challenge = {"www-authenticate": "Bearer"} if status == _UNAUTHENTICATED else {}
    return told._replace(status=status, headers={**told.headers, **challenge})


async def _send(send: Send, answer: Answer, context: Context) -> None:
    back: dict[str, Any] = {key: str(value) for key, value in context.trailing}
    headers = {**back, **answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
