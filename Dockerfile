# The images of kv-api, kv-worker and kv-autoscaler, each a target: docker build --target kv-api .
#
# One server alone, with its data in a volume:
#   docker run -p 127.0.0.1:8080:8080 -e KV_AUTH=local -v keys:/data --read-only kv-api

ARG SWIFT_IMAGE=swift:6.3.1-bookworm
ARG RUNTIME_IMAGE=debian:12.11-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
  libhiredis-dev libpq-dev librabbitmq-dev libsqlite3-dev libssl-dev pkg-config zlib1g-dev \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# The dependencies are a layer of their own.
COPY Package.swift Package.resolved* ./
RUN swift package resolve

# SwiftPM needs the folder of every target, even of those that are not built.
COPY Benchmarks Benchmarks
COPY Tests Tests
COPY Sources Sources
# All executables of the package, with the flags of scripts/lib.sh. Without a debugger, symbols
# are useless.
RUN mkdir /products && \
  for product in $(sed -n 's/.*\.executable(name: "\([^"]*\)".*/\1/p' Package.swift); do \
  swift build -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked \
  --product "${product}" \
  --explicit-target-dependency-import-check error \
  && strip -o "/products/${product}" ".build/release/${product}" || exit 1; done

# Each program with only the C libraries that it needs.
FROM ${RUNTIME_IMAGE} AS trees
RUN apt-get update && apt-get install -y --no-install-recommends \
  ca-certificates libcurl4 libhiredis0.14 libpq5 librabbitmq4 libsqlite3-0 libssl3 libxml2 \
  && rm -rf /var/lib/apt/lists/*
COPY scripts/containers/collect scripts/containers/ready-http /usr/local/bin/
COPY --from=build /products /products
# kv, the command line, comes with kv-api.
RUN for product in /products/kv-*; do \
  set -- "${product}" /usr/local/bin/ready-http; \
  if [ "${product##*/}" = kv-api ] && [ -e /products/kv ]; then set -- "$@" /products/kv; fi; \
  collect "/trees/${product##*/}" "$@" || exit 1; done

FROM scratch AS runtime
ENV PATH=/usr/local/bin:/bin KV_LISTEN=0.0.0.0:8080 KV_DATA_DIR=/data
USER 65532:65532
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
  CMD ["ready-http", "8080"]

FROM runtime AS kv-worker
COPY --from=trees /trees/kv-worker /
ENTRYPOINT ["kv-worker"]

FROM runtime AS kv-autoscaler
COPY --from=trees /trees/kv-autoscaler /
ENTRYPOINT ["kv-autoscaler"]

FROM runtime AS kv-api
COPY --from=trees /trees/kv-api /
VOLUME /data
ENTRYPOINT ["kv-api"]
