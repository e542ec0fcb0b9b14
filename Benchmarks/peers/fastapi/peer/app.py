"""The key-value API in FastAPI, with asyncpg, redis-py and aio-pika.

Pools are made at startup. A GET reads Redis, then the database, and fills the cache. A PUT or
DELETE writes to the database and then to Redis; with `Prefer: respond-async` it is queued instead,
and answered once the broker has confirmed it.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Annotated
from uuid import uuid4

import aio_pika
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response, status
from redis.asyncio import Redis

from . import entries, settings
from .pool import database_pool

KEY_BYTES_MAX = 1024
VALUE_BYTES_MAX = 1_048_576
TTL_SECONDS_MAX = 315_360_000


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.database = await database_pool()
    app.state.cache = Redis.from_url(settings.REDIS_URL)
    app.state.broker = await aio_pika.connect_robust(settings.AMQP_URL)
    app.state.channel = await app.state.broker.channel(publisher_confirms=True)
    yield
    await app.state.broker.close()
    await app.state.cache.aclose()
    await app.state.database.close()


app = FastAPI(lifespan=lifespan)


def checked(key: str) -> bytes:
    name = key.encode()
    if not 1 <= len(name) <= KEY_BYTES_MAX or any(byte < 32 or byte == 127 for byte in name):
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "the key is empty, too long or malformed")
    return name


def answer(
    revision: int, updated_at: float, content_type: str, value: bytes, cache: str, known: str | None
) -> Response:
    etag = f'"{revision}"'
    headers = {
        "ETag": etag,
        "Last-Modified": formatdate(updated_at, usegmt=True),
        "Cache-Control": "no-cache",
        "Cache-Status": cache,
    }
    if known == etag:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(value, media_type=content_type, headers=headers)


@app.get("/health/ready")
async def ready(request: Request) -> dict[str, str]:
    await request.app.state.database.fetchval("SELECT 1")
    return {"status": "ready"}


@app.get("/kv/{key:path}")
async def get(
    key: str, request: Request, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    name, state = checked(key), request.app.state
    cached = await state.cache.get(name)
    if cached is not None:
        return answer(*entries.unpacked(cached), "kv; hit", if_none_match)
    row = await state.database.fetchrow(entries.SELECT, name)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Key not found")
    value, content_type, revision, updated_at = row
    data = entries.packed(revision, content_type, updated_at, value)
    await state.cache.set(name, data, ex=settings.CACHE_SECONDS)
    timestamp = updated_at.timestamp()
    return answer(revision, timestamp, content_type, value, "kv; fwd=miss", if_none_match)


@app.put("/kv/{key:path}", response_model=entries.Metadata)
async def put(
    key: str,
    request: Request,
    response: Response,
    ttl: Annotated[int | None, Query(ge=1, le=TTL_SECONDS_MAX)] = None,
    prefer: Annotated[str | None, Header()] = None,
    content_type: Annotated[str, Header()] = "application/octet-stream",
):
    name, state = checked(key), request.app.state
    value = await request.body()
    if len(value) > VALUE_BYTES_MAX:
        raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "the value is too large")
    if prefer == "respond-async":
        headers = {"key": key, "content_type": content_type, "ttl": ttl or 0}
        return await queued(state, value, headers)
    row = await state.database.fetchrow(entries.UPSERT, name, value, content_type, ttl)
    data = entries.packed(row["revision"], content_type, row["updated_at"], value)
    seconds = min(ttl, settings.CACHE_SECONDS) if ttl else settings.CACHE_SECONDS
    await state.cache.set(name, data, ex=seconds)
    response.headers["ETag"] = f'"{row["revision"]}"'
    is_new = row["version"] == 1
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return entries.Metadata(key=key, size=len(value), content_type=content_type, **row)


@app.delete("/kv/{key:path}")
async def delete(
    key: str, request: Request, prefer: Annotated[str | None, Header()] = None
) -> Response:
    name, state = checked(key), request.app.state
    if prefer == "respond-async":
        return await queued(state, b"", {"key": key, "delete": True})
    row = await state.database.fetchrow(entries.DELETE, name)
    await state.cache.delete(name)
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Key not found")
    return Response(status_code=status.HTTP_204_NO_CONTENT)


async def queued(state, value: bytes, headers: dict) -> Response:
    """Publishes a write, and answers when the broker has confirmed it."""
    message = aio_pika.Message(
        value,
        headers=headers,
        message_id=str(uuid4()),
        timestamp=int(time.time()),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await state.channel.default_exchange.publish(message, routing_key=settings.QUEUE)
    return Response(
        f'{{"operation":"{message.message_id}","status":"queued"}}',
        status.HTTP_202_ACCEPTED,
        {"Location": f"/operations/{message.message_id}"},
        "application/json",
    )
