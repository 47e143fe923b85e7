# The image of `skyfence worker` and `skyfence relay`: no embedded broker, no development tools.
#
#   builder   hash-locked dependencies and skyfence's own wheel, into /opt/venv
#   final     python-slim, /opt/venv, an unprivileged user; runs with a read-only root and a /tmp

# The full image, for its compiler: faust-streaming has no wheel for Linux on arm64.
FROM python:3.11 AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
# Without pip in /opt/venv, so that the final image has no installer of its own there.
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --require-hashes -r requirements/runtime.txt
RUN python -m venv /build \
 && /build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY geodata geodata
COPY recordings recordings
COPY skyfence skyfence
COPY streams streams
COPY producers producers
COPY consumers consumers
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/venv/bin/python install --no-deps --no-index /wheels/skyfence-*.whl \
 && /opt/venv/bin/skyfence --help > /dev/null

FROM python:3.11-slim
COPY --from=builder /opt/venv /opt/venv
# PYTHONDONTWRITEBYTECODE: the root file system is read-only; pip compiled the bytecode already.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
ENTRYPOINT ["skyfence"]
