"""Requests to one server spread over several pools of connections."""

import asyncio
from typing import Any

import pytest

from reasondistill.engines.openai.client import POOL, PooledTransport, pooled_transport
from reasondistill.engines.openai.engine import open_openai
from reasondistill.engines.options import EngineOptions
from reasondistill.records import Message, Sampling

URL = "https://api.example.com/v1"


class Pool:
    def __init__(self) -> None:
        self.sent: list[int] = []
        self.closed = False

    async def handle_async_request(self, request: int) -> int:
        self.sent.append(request)
        return request

    async def aclose(self) -> None:
        self.closed = True


def test_every_pool_has_its_turn_and_all_are_closed() -> None:
    pools = [Pool(), Pool(), Pool()]

    async def use() -> list[int]:
        transport = PooledTransport(pools)
        answers = [await transport.handle_async_request(i) for i in range(7)]
        await transport.aclose()
        return answers

    assert asyncio.run(use()) == list(range(7))
    assert [pool.sent for pool in pools] == [[0, 3, 6], [1, 4], [2, 5]]
    assert all(pool.closed for pool in pools)


@pytest.mark.parametrize(
    ("connections", "local", "proxy", "pooled"),
    [
        (POOL, False, "", False),
        (POOL + 1, False, "", True),
        (POOL + 1, False, "http://proxy.example.com:3128", False),
        (POOL + 1, True, "http://proxy.example.com:3128", True),
    ],
)
def test_few_connections_and_those_behind_a_proxy_are_left_to_httpx(
    monkeypatch: pytest.MonkeyPatch, connections: int, local: bool, proxy: str, pooled: bool
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    assert (pooled_transport(URL, connections, local=local) is not None) == pooled


def test_a_server_is_asked_over_many_pools(loopback: Any) -> None:
    async def ask() -> list[str]:
        engine = await open_openai(EngineOptions(engine="openai", model="m", base_url=loopback.url, concurrency=200))
        try:
            question = (Message(role="user", content="What is 2 + 2?"),)
            made = await engine.complete(question, Sampling(max_tokens=50), n=40)
            return [completion.text for completion in made]
        finally:
            await engine.aclose()

    loopback.behaviours = [lambda exchange: exchange.answer("4")]
    assert asyncio.run(ask()) == ["4"] * 40
