"""The queue in Redis, for installations that name one."""

import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from huey import storage

log = logging.getLogger(__name__)

# Without them Huey was loaded, see worker.py.
storage.ConnectionPool, storage.Redis = redis.ConnectionPool, redis.Redis
storage.ConnectionError, storage.TimeoutError = redis.ConnectionError, redis.TimeoutError


class PatientRedis(storage.RedisStorage):
    """Redis may be away: workers say so once and wait for it; a job it did not take is made again by the heartbeat."""

    redis_client = redis.Redis
    _away = False

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Put a job into the queue, or leave it to the heartbeat."""
        self._ask(super().enqueue, data, priority)

    def dequeue(self) -> bytes | None:
        """Take the next job; None when there is none within a second."""
        job_data: bytes | None = self._ask(super().dequeue)
        if self._away:
            time.sleep(1)
        return job_data

    def read_schedule(self, ts: Any) -> list[bytes]:
        """Jobs for later that are due now."""
        return self._ask(super().read_schedule, ts) or []

    def _ask(self, question: Callable[..., Any], *words: Any) -> Any:
        try:
            answer = question(*words)
        except redis.ConnectionError as error:
            if not self._away:
                log.error("the queue does not answer (%s); waiting for it, the heartbeat makes lost jobs again", error)
            self._away = True
            return None
        if self._away:
            log.warning("the queue answers again")
        self._away = False
        return answer
