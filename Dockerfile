# Argus, for every role: `docker run argus worker`, `argus serve`, and so on.
# Wheels only, each checked against its hash in the lock; nothing is compiled, and no compiler is in either stage.
FROM python:3.11.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/argus
WORKDIR /src
COPY requirements.lock ./
RUN /opt/argus/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md ./
COPY core core
COPY models models
COPY tables tables
COPY agents agents
COPY simulation simulation
COPY benchmarks benchmarks
COPY argus argus
RUN /opt/argus/bin/pip install --no-deps --no-build-isolation . \
    && /opt/argus/bin/python -m compileall -q -j 0 /opt/argus/lib \
    && /opt/argus/bin/argus rules test
# The console shows them where the links of pages and tickets lead.
COPY docs/runbooks /opt/argus/lib/python3.11/site-packages/docs/runbooks

FROM python:3.11.13-slim-bookworm
LABEL org.opencontainers.image.title="Argus" \
      org.opencontainers.image.description="Real-time fraud and account security"
RUN groupadd --system --gid 10001 argus \
    && useradd --system --uid 10001 --gid argus --home-dir /var/lib/argus --shell /usr/sbin/nologin argus \
    && install -d -o argus -g argus -m 0700 /var/lib/argus
COPY --from=build /opt/argus /opt/argus
ENV PATH=/opt/argus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ARGUS_DATA_DIR=/var/lib/argus \
    ARGUS_METRICS_HOST=0.0.0.0 \
    ARGUS_API_HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/argus
EXPOSE 8080 9108
# Healthy: every partition has been taken over, and none hangs at a batch. `argus health --api` for the API.
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --start-interval=2s --retries=3 CMD ["argus", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["argus"]
CMD ["--help"]
