"""Twelve jobs at once on one server: each sees what it sees alone on a server of its own, byte by byte."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from simulator import backends
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.serve.jobs import Job, Where

JOBS = 12


def server() -> Server:
    return Server(Options(backends.names(), port=0, seed=7, clock=ManualClock()))


async def test_twelve_jobs_see_nothing_of_each_other() -> None:
    """All three selectors, seeds of their own and shared ones, clocks moved by hand, resets in the middle."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(JOBS) as threads:
        async with server() as simulator:
            where = Where.of(simulator)
            # Each seed is that of two jobs.
            jobs = [Job(number, where, seed=100 + number // 2) for number in range(JOBS)]
            together = await asyncio.gather(*(loop.run_in_executor(threads, job.run) for job in jobs))
            assert simulator.space.journal.total == 0, "nothing came into the default space"
            assert {place.name for place in simulator.spaces} == {"", *(job.space for job in jobs)}
        for job, seen in zip(jobs, together, strict=True):
            others = {other.space for other in jobs} - {job.space}
            text = "\n".join(seen)
            assert text.count(f"hello of {job.space}") >= 20
            assert [name for name in others if name in text] == [], job.space
            async with server() as alone:
                expected = await loop.run_in_executor(threads, Job(job.number, Where.of(alone), job.seed).run)
            assert seen == expected, job.space
