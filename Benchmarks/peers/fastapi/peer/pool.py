"""The pool of connections to the database."""

import random
from urllib.parse import urlsplit

import asyncpg

from . import settings


async def database_pool() -> asyncpg.Pool:
    size = settings.POOL_SIZE
    return await asyncpg.create_pool(
        settings.DATABASE_URL, min_size=size, max_size=size, connect=_connect
    )


async def _connect(url: str, **options) -> asyncpg.Connection:
    """asyncpg tries several hosts in their order: so that each node has its share of them, every
    connection has an order of its own."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    hosts = hosts.split(",")
    random.shuffle(hosts)
    netloc = f"{user}{at}{','.join(hosts)}"
    return await asyncpg.connect(parts._replace(netloc=netloc).geturl(), **options)
