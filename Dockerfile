# Two stages: the first builds the wheel and a venv with exactly what requirements.lock pins, the second only has the venv.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The dependencies first: this layer stays as long as the locks do.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/simulator \
    && /opt/simulator/bin/pip install --only-binary :all: --require-hashes -r requirements.lock \
    && pip install --only-binary :all: --require-hashes -r requirements-build.lock

COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/simulator/bin/pip install --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/simulator/bin/pip check \
    && /opt/simulator/bin/pip uninstall --yes pip

FROM python:${PYTHON_VERSION}-slim
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="chat-simulator" \
      org.opencontainers.image.description="A mock backend simulator and record/replay proxy for real-time chat protocols" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that Kubernetes' runAsNonRoot knows it; group 0 and open folders, so that any other number (--user) can write.
RUN useradd --create-home --uid 10001 --gid 0 --shell /usr/sbin/nologin simulator \
    && install -d -m 1777 -o 10001 -g 0 /data /data/cassettes /data/scenarios /data/fixtures
COPY --from=build /opt/simulator /opt/simulator
ENV PATH=/opt/simulator/bin:$PATH \
    HOME=/home/simulator \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A container's loopback is out of reach. On all addresses the control API asks for a token: that of
# SIMULATOR_ADMIN_TOKEN, else one that is drawn and printed (docker logs).
# The ready file tells the health check what is served where, with which token. Docker leaves /dev/shm writable when the
# rest is --read-only.
ENV SIMULATOR_HOST=0.0.0.0 \
    SIMULATOR_READY_FILE=/dev/shm/simulator-ready.json
USER 10001
# `--scenario scenarios/mine.yaml`, `--record cassettes/talk.yaml`; ./cassettes is what the inspector lists.
WORKDIR /data
VOLUME ["/data/cassettes", "/data/scenarios", "/data/fixtures"]

# chip, chatbot, mia, aida, concierge
EXPOSE 8070 3000 3001 4000 8090
STOPSIGNAL SIGTERM
# Without curl. --insecure, since with --tls it is ourselves whom we ask.
HEALTHCHECK --interval=5s --timeout=5s --start-period=5s --retries=3 \
    CMD ["simulator", "health", "--insecure"]

ENTRYPOINT ["simulator"]
CMD ["serve", "--backend", "all"]
