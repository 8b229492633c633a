# syntax=docker/dockerfile:1

FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        gcc libc6-dev meson ninja-build pkg-config \
        libpq-dev libev-dev libjansson-dev libcjose-dev liblmdb-dev liblz4-dev libxxhash-dev libcyaml-dev libyaml-dev libcurl4-openssl-dev uthash-dev libbsd-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY meson.build meson_options.txt ./
COPY include include
COPY src src
COPY sql sql
COPY config config
RUN meson setup build --prefix=/usr --buildtype=release -Db_ndebug=false -Dtests=disabled \
    && ninja -C build \
    && strip build/src/walpiper

FROM debian:bookworm-slim
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="walpiper" \
      org.opencontainers.image.description="Streams the row changes of a PostgreSQL database over Server-Sent Events, and keeps read models up to date" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl libcurl4 libpq5 libev4 libjansson4 libcjose0 liblmdb0 liblz4-1 libxxhash0 libcyaml1 libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/walpiper
COPY --from=build /src/build/src/walpiper /usr/bin/walpiper
# Paths of the configuration are relative to the working directory.
WORKDIR /etc/walpiper
COPY sql sql
COPY config config
USER 10001:10001
# The server is on another host, and so are the subscribers: set DATABASE_URL, and auth in the
# configuration, before listening on 0.0.0.0.
ENV WALPIPER_LISTEN=127.0.0.1:4000 \
    WALPIPER_JOURNAL=/var/lib/walpiper/journal
VOLUME ["/etc/walpiper/config", "/var/lib/walpiper"]
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["curl", "-fsS", "--max-time", "2", "http://127.0.0.1:4000/manage/health"]
ENTRYPOINT ["walpiper"]
CMD ["run", "-c", "config/walpiper.yaml"]
