"""The images of containers, from the files that name them."""

import re

from . import licences
from .errors import Missing

FILES = ["docker-compose.yml", "docker-compose.postgres.yml", "Dockerfile"]

# The licence of the program that an image is made for; what else is in it is Debian's or Alpine's.
LICENCES = {
    "cockroachdb/cockroach": "BUSL-1.1",
    "debian": "various, in /usr/share/doc of the image",
    "docker": "Apache-2.0",
    "grafana/grafana": "AGPL-3.0-only",
    "nginx": "BSD-2-Clause",
    "oliver006/redis_exporter": "MIT",
    "postgres": "PostgreSQL",
    "prom/node-exporter": "Apache-2.0",
    "prom/prometheus": "Apache-2.0",
    "rabbitmq": "MPL-2.0",
    # Up to 7.2; later versions have other licences.
    "redis": "BSD-3-Clause",
    "swift": "Apache-2.0 WITH Swift-exception",
}
IDENTIFIERS = {"AGPL-3.0-only", "BUSL-1.1"}


def images(root):
    """A component for each image that is pulled, not for those that are built here."""
    named = set()
    for file in FILES:
        text = (root / file).read_text(encoding="utf-8")
        named |= set(re.findall(r"(?m)^\s*image: (\S+)$", text))
        named |= set(re.findall(r"(?m)^ARG \w+_IMAGE=(\S+)$", text))
    return [_image(name) for name in sorted(named) if not name.endswith(":local")]


def _image(name):
    repository, _, tag = name.partition(":")
    if repository not in LICENCES:
        raise Missing(f"the licence of the image {repository} is not in kvsbom/images.py")
    # Docker Hub's own images are in the namespace `library`.
    path = repository if "/" in repository else f"library/{repository}"
    purl = f"pkg:docker/{path}@{tag}"
    return {
        "type": "container",
        "bom-ref": purl,
        "name": repository,
        "version": tag,
        "licenses": [_licence(LICENCES[repository])],
        "purl": purl,
    }


def _licence(name):
    if " WITH " in name:
        return licences.expression(name)
    return {"license": {"id": name}} if name in IDENTIFIERS else licences.named(name)
