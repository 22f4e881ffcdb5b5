# The image of a project: dependencies first, then the runner, then the code, so that an edit rebuilds one layer.
# The context is made by gaiaflow: code/ is the project's tree, gaiaflow/ holds the requirements and the runner.
# GAIAFLOW_ENVIRONMENT chooses what makes the environment: uv, or rattler for the packages of conda and pixi.
ARG GAIAFLOW_PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG GAIAFLOW_ENVIRONMENT=uv

FROM ${GAIAFLOW_PYTHON_IMAGE} AS uv
ARG UV_VERSION=0.13.8
RUN --mount=type=cache,id=gaiaflow-pip,target=/root/.cache/pip,sharing=locked \
    pip install --target /opt/uv uv==${UV_VERSION}

FROM ${GAIAFLOW_PYTHON_IMAGE} AS made-by-uv
# An official image of Python has no bytecode of Python's own library, and no process here writes any.
RUN python3 -m compileall -q -x site-packages "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" || true
RUN --mount=type=bind,from=uv,source=/opt/uv/bin,target=/mnt/uv \
    --mount=type=bind,source=gaiaflow,target=/mnt/gaiaflow \
    --mount=type=cache,id=gaiaflow-uv,target=/root/.cache/uv \
    export UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    && /mnt/uv/uv venv --python "$(command -v python3)" /opt/venv \
    && /mnt/uv/uv pip install --python /opt/venv/bin/python -r /mnt/gaiaflow/requirements.txt

FROM ${GAIAFLOW_PYTHON_IMAGE} AS rattler
RUN --mount=type=bind,from=uv,source=/opt/uv/bin,target=/mnt/uv \
    --mount=type=bind,source=gaiaflow,target=/mnt/gaiaflow \
    --mount=type=secret,id=rattler,target=/run/secrets/rattler.json \
    --mount=type=cache,id=gaiaflow-rattler,target=/root/.cache/rattler,sharing=locked \
    --mount=type=cache,id=gaiaflow-uv,target=/root/.cache/uv \
    export UV_LINK_MODE=copy \
    && if [ -s /run/secrets/rattler.json ]; then export RATTLER_AUTH_FILE=/run/secrets/rattler.json; fi \
    && /mnt/uv/uv venv --python "$(command -v python3)" /opt/rattler \
    && /mnt/uv/uv pip install --python /opt/rattler/bin/python --require-hashes -r /mnt/gaiaflow/conda.txt \
    && /opt/rattler/bin/python -I /mnt/gaiaflow/solver.py /mnt/gaiaflow/install.json /tmp/outcome.json \
    && if [ -s /tmp/gaiaflow-pins.txt ]; then \
         /mnt/uv/uv pip install --python /opt/env/project/bin/python --break-system-packages \
           $(cat /mnt/gaiaflow/pip.flags) -r /tmp/gaiaflow-pins.txt; \
       fi

# Of conda nothing but the environment.
FROM ${GAIAFLOW_PYTHON_IMAGE} AS made-by-conda
COPY --from=rattler /opt/env/project /opt/env/project
RUN ln -s /opt/env/project /opt/venv

FROM made-by-${GAIAFLOW_ENVIRONMENT}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/project/src:/opt/project \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY gaiaflow/runner.py /opt/gaiaflow/runner.py
WORKDIR /opt/project
# Editable, so that everything of the tree is importable, as it is in mode dev, and the package has its metadata.
RUN --mount=type=bind,from=uv,source=/opt/uv/bin,target=/mnt/uv \
    --mount=type=bind,source=code,target=/mnt/code \
    --mount=type=cache,id=gaiaflow-uv,target=/root/.cache/uv \
    cp -r /mnt/code/. . \
    && if grep -qs '^\[build-system\]' pyproject.toml; then \
         UV_LINK_MODE=copy /mnt/uv/uv pip install --python /opt/venv/bin/python --break-system-packages \
           --no-deps --editable .; \
       fi \
    && python -m compileall -q . \
    && chmod -R a+rX .

# Any uid works: nothing outside /tmp is written, and names come from variables where the uid has none.
ENV HOME=/tmp USER=gaiaflow LOGNAME=gaiaflow MPLCONFIGDIR=/tmp/matplotlib
ARG GAIAFLOW_UID=10001
USER ${GAIAFLOW_UID}:0
# What the image says of itself, for the tags of MLflow's runs.
ARG GAIAFLOW_COMMIT
ARG GAIAFLOW_CONTENT
ENV GAIAFLOW_COMMIT=${GAIAFLOW_COMMIT} GAIAFLOW_CONTENT=${GAIAFLOW_CONTENT}
CMD ["python"]
