# One image for every node; what differs is the settings file mounted at /settings. Its steps are the Makefile's.
FROM node:20-bookworm-slim AS page
RUN apt-get update && apt-get install -y --no-install-recommends make python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /telemed
COPY Makefile ./
COPY telemed/demo/preflight.py telemed/demo/
COPY web web
RUN make web/dist/index.html

FROM python:3.11-slim-bookworm AS packages
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /telemed
COPY . .
RUN make production

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --home-dir /var/lib/telemed --create-home --no-log-init telemed
WORKDIR /telemed
COPY --from=packages /telemed /telemed
COPY --from=page /telemed/web/dist web/dist
USER telemed
ENV PATH=/telemed/.venv/bin:$PATH PYTHONUNBUFFERED=1
VOLUME /var/lib/telemed
ENTRYPOINT ["telemed"]
CMD ["serve", "--settings", "/settings/settings.toml"]
