"""The addresses of the services, from the environment."""

import os

DATABASE_URL = os.environ["PEER_DATABASE_URL"]
REDIS_URL = os.environ["PEER_REDIS_URL"]
AMQP_URL = os.environ["PEER_AMQP_URL"]

POOL_SIZE = int(os.environ.get("PEER_POOL_SIZE", "16"))
CACHE_SECONDS = 300
QUEUE = "peer.writes"
