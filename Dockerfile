# Recordings and outputs lie in /data, models in /models, jobs of a server in /jobs; see docs/docker.md:
#   docker build -t whisperdiar .
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" -v whisperdiar-models:/models whisperdiar meeting.mp4 -o meeting.srt
# With PyTorch: docker build --target full -t whisperdiar:full .
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG EXTRAS=documents,language,minutes,serve,postgres
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE CHANGELOG.md ./
COPY whisperdiar ./whisperdiar
RUN python3 -m venv /opt/whisperdiar \
    && /opt/whisperdiar/bin/pip install --no-cache-dir --no-compile -c requirements.lock ".[${EXTRAS}]"

FROM build AS build-full
ARG FULL=full,onnx-asr,video,words,plot
RUN /opt/whisperdiar/bin/pip install --no-cache-dir --no-compile -c requirements.lock ".[${FULL}]"

FROM ${BASE} AS base
# Somebody who is not root; `--user` makes it anybody else, who has no name, which some libraries ask for.
RUN useradd --uid 1000 --no-create-home --home-dir /tmp whisperdiar \
    && mkdir /models /data /jobs && chmod 1777 /models /data /jobs
ENV PATH=/opt/whisperdiar/bin:$PATH HF_HOME=/models HOME=/tmp USER=whisperdiar PYTHONUNBUFFERED=1
USER 1000:1000
WORKDIR /data
ENTRYPOINT ["whisperdiar"]

FROM base AS full
COPY --from=build-full /opt/whisperdiar /opt/whisperdiar

FROM base AS slim
COPY --from=build /opt/whisperdiar /opt/whisperdiar
