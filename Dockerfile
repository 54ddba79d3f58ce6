# One image for every tier; docker-compose.yml says which one a container is.

# The pages of the web client: nothing of Node and its libraries goes into the image.
FROM node:22-bookworm-slim AS pages
WORKDIR /ui
COPY webclient/ui/package.json webclient/ui/package-lock.json ./
RUN npm ci --ignore-scripts --include=dev --no-audit --no-fund
COPY webclient/ui ./
RUN node node_modules/vite/bin/vite.js build

FROM python:3.11-slim-bookworm

# The lock file of development, whole: what was tested is what runs. Every file is held against its hash.
COPY requirements.lock /tmp/requirements.lock
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.lock && rm /tmp/requirements.lock

# Any user may write audit logs: a container runs under the number of whoever owns the secrets.
RUN mkdir -m 1777 /audit

WORKDIR /daytrade
COPY core core
COPY db db
COPY loadbalancer loadbalancer
COPY quotecache quotecache
COPY stack stack
COPY transaction transaction
COPY trigger trigger
COPY webclient webclient
COPY webserver webserver

# Compressed once, so that nobody compresses while somebody waits.
COPY --from=pages /ui/dist webclient/ui/dist
RUN python -m whitenoise.compress --quiet --no-brotli webclient/ui/dist

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/daytrade
USER 1000:1000
