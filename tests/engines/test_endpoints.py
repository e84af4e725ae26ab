"""Several addresses, rates and a server that is down: on a clock that only moves when somebody waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reasondistill.engines.openai.endpoints import Endpoint, Endpoints
from reasondistill.engines.openai.engine import open_openai
from reasondistill.engines.openai.limits import RateLimits
from reasondistill.engines.openai.retry import Retry
from reasondistill.engines.options import EngineOptions
from reasondistill.errors import EngineError
from reasondistill.records import Message, Sampling, Usage

QUESTION = (Message(role="user", content="What is 2 + 2?"),)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def scene(
    play: Callable[[Endpoints, Clock], Awaitable[Any]], places: int = 2, retry: Retry | None = None
) -> tuple[Any, list[str]]:
    """Run a coroutine function with that many addresses; return its result and what was said."""
    said: list[str] = []

    async def inside() -> Any:
        clock = Clock()
        all_ = [Endpoint(None, f"http://{i}/v1") for i in range(places)]
        endpoints = Endpoints(all_, retry=retry or Retry(), sleep=clock.sleep, clock=clock, say=said.append)
        return await play(endpoints, clock)

    return asyncio.run(inside()), said


def test_the_least_loaded_address_is_asked() -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> list[str]:
        return [(await endpoints.pick()).address[7] for _ in range(6)]

    assert scene(play, places=3)[0] == ["0", "1", "2", "0", "1", "2"]


def test_a_dying_address_is_routed_around_and_comes_back() -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> list[str]:
        first, _ = endpoints.all
        endpoints.well(first)
        endpoints.refused(first, "refused")
        asked = [await endpoints.pick() for _ in range(3)]
        for endpoint in asked:
            endpoints.done(endpoint)
        clock.now += 60
        tried = [await endpoints.pick() for _ in range(2)]
        endpoints.refused(first, "refused") if first in tried else None
        clock.now += 60
        second = next(e for e in tried if e is not first)
        second.in_flight += 5
        for endpoint in tried:
            endpoints.done(endpoint)
        endpoints.well(first)
        return [e.address[7] for e in (*asked, await endpoints.pick())]

    order, said = scene(play)
    assert order == ["1", "1", "1", "0"]
    assert [line.split(" ", 1)[1][:5] for line in said] == ["refus", "answe"]


def test_one_request_at_a_time_tries_an_address_that_is_down() -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> list[bool]:
        [only] = endpoints.all
        endpoints.well(only)
        endpoints.refused(only, "refused")
        trying = await endpoints.pick()
        others = [asyncio.create_task(endpoints.pick()) for _ in range(3)]
        await asyncio.sleep(0.01)
        before = [t.done() for t in others]
        endpoints.well(only)
        endpoints.done(trying)
        await asyncio.gather(*others)
        return before

    assert scene(play, places=1)[0] == [False, False, False]


@pytest.mark.parametrize(
    ("known", "word", "seconds", "least"),
    [
        (False, "no server answers", None, 12),
        (True, "stopped answering", None, 300),
        (False, "no server answers", 60.0, 60),
        (True, "stopped answering", 2.0, 2),
    ],
)
def test_an_address_that_stays_down_is_given_up(known: bool, word: str, seconds: float | None, least: float) -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> float:
        [only] = endpoints.all
        if known:
            endpoints.well(only)
        with pytest.raises(EngineError, match=word):
            while True:
                endpoint = await endpoints.pick()
                try:
                    endpoints.refused(endpoint, "refused")
                finally:
                    endpoints.done(endpoint)
        return clock.now

    assert least <= scene(play, places=1, retry=Retry().within(seconds))[0] <= least + 25


def test_a_second_rate_limit_in_a_row_holds_for_every_request() -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> list[float]:
        [only] = endpoints.all
        times = []
        for _ in range(3):
            endpoints.limit(only, 7)
            endpoints.done(await endpoints.pick())
            times.append(clock.now)
        endpoints.well(only)
        endpoints.limit(only, 7)
        await endpoints.pick()
        return [*times, clock.now]

    assert scene(play, places=1)[0] == [0, 7, 14, 14]


def test_a_long_row_of_faults_is_told_once() -> None:
    async def play(endpoints: Endpoints, clock: Clock) -> None:
        [only] = endpoints.all
        for _ in range(50):
            endpoints.heard(only, "HTTP 500: boom")

    _, said = scene(play, places=1)
    assert said == ["http://0/v1 has failed 21 times in a row (HTTP 500: boom); retrying"]


def test_requests_are_sent_no_faster_than_the_rate() -> None:
    clock = Clock()
    limits = RateLimits(requests=120, tokens=None, clock=clock)
    waits = [limits.take(0, 0)[0] for _ in range(6)]
    assert waits == [0, 0, 0.5, 1.0, 1.5, 2.0]
    clock.now = 60
    assert [limits.take(0, 0)[0] for _ in range(3)] == [0, 0, 0.5]


def test_tokens_are_booked_by_a_guess_that_learns() -> None:
    clock = Clock()
    limits = RateLimits(requests=None, tokens=60_000, clock=clock)
    wait, booked = limits.take(350, 5000)
    assert (wait, booked) == (4.1, 5100)
    limits.settle(booked, Usage(prompt_tokens=100, completion_tokens=400))
    clock.now = 60
    assert limits.take(350, 5000)[1] == 500


def test_a_failed_request_gives_its_tokens_back() -> None:
    limits = RateLimits(requests=None, tokens=60_000, clock=Clock())
    _, booked = limits.take(0, 900)
    limits.settle(booked, None)
    assert limits.take(0, 900)[0] == 0


def test_two_real_servers_share_the_work_and_one_may_die(loopback: Any, toy_server: Any, toy_answer: str) -> None:
    async def many() -> list[Any]:
        options = EngineOptions(model="toy", base_url=(loopback.url, toy_server.url), concurrency=4)
        clock = Clock()
        engine = await open_openai(options, sleep=clock.sleep, clock=clock)
        first = await asyncio.gather(*(engine.complete(QUESTION, Sampling()) for _ in range(12)))
        shares = (len(loopback.requests), len(toy_server.requests))
        loopback.close()
        second = await asyncio.gather(*(engine.complete(QUESTION, Sampling()) for _ in range(12)))
        await engine.aclose()
        return [*first, *second, shares]

    *answers, shares = asyncio.run(many())
    assert [a.text for [a] in answers] == [toy_answer] * 24
    assert min(shares) >= 3
