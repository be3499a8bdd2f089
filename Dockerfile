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
RUN useradd --create-home --uid 10001 --shell /usr/sbin/nologin simulator
COPY --from=build /opt/simulator /opt/simulator
ENV PATH=/opt/simulator/bin:$PATH \
    HOME=/home/simulator \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A container's loopback is out of reach. On all addresses the control API asks for a token: that of
# SIMULATOR_ADMIN_TOKEN, else one that is drawn and printed (docker logs).
ENV SIMULATOR_HOST=0.0.0.0 \
    SIMULATOR_HEALTH_URL=http://127.0.0.1:8070
USER 10001
WORKDIR /home/simulator

# chip, chatbot, mia, aida, concierge
EXPOSE 8070 3000 3001 4000 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["simulator", "health"]

ENTRYPOINT ["simulator"]
CMD ["serve", "--backend", "all"]
