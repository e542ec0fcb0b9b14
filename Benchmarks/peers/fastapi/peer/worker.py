"""Applies queued writes, as the Python original of this system does: one message, one statement.

`python -m peer.worker prepare` only makes the table and the queue, before the API starts.
"""

import asyncio
import sys

import aio_pika
import asyncpg
import uvloop
from redis.asyncio import Redis

from . import entries, settings
from .pool import database_pool

# Messages in progress: one for each connection of the pool.
PREFETCH = settings.POOL_SIZE


async def prepare() -> None:
    database = await asyncpg.connect(settings.DATABASE_URL)
    await database.execute(entries.SCHEMA)
    await database.close()
    async with await aio_pika.connect(settings.AMQP_URL) as broker:
        await declared(await broker.channel())


async def declared(channel) -> aio_pika.abc.AbstractQueue:
    return await channel.declare_queue(
        settings.QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
    )


async def apply(message, database, cache) -> None:
    name = message.headers["key"].encode()
    if message.headers.get("delete"):
        await database.fetchrow(entries.DELETE, name)
        await cache.delete(name)
        return
    ttl = message.headers["ttl"] or None
    content_type = message.headers["content_type"]
    row = await database.fetchrow(entries.UPSERT, name, message.body, content_type, ttl)
    data = entries.packed(row["revision"], content_type, row["updated_at"], message.body)
    seconds = min(ttl, settings.CACHE_SECONDS) if ttl else settings.CACHE_SECONDS
    await cache.set(name, data, ex=seconds)


async def work() -> None:
    database = await database_pool()
    cache = Redis.from_url(settings.REDIS_URL)
    broker = await aio_pika.connect_robust(settings.AMQP_URL)
    channel = await broker.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await declared(channel)

    async def consume(message) -> None:
        async with message.process(requeue=True):
            await apply(message, database, cache)

    await queue.consume(consume)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(prepare() if sys.argv[1:] == ["prepare"] else work())
