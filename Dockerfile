# Recordings and outputs lie in /data, models in /models:
#   docker build -t whisperdiar .
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" -v whisperdiar-models:/models whisperdiar meeting.mp4 -o meeting.srt
# More systems: docker build --build-arg EXTRAS=documents,language,full -t whisperdiar .
FROM python:3.11-slim

ARG EXTRAS=documents,language
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE CHANGELOG.md ./
COPY whisperdiar ./whisperdiar
RUN pip install --no-cache-dir -c requirements.lock ".[${EXTRAS}]" && rm -rf /source

# Any user may run it, so that outputs belong to whoever starts it.
RUN mkdir /models /data && chmod 1777 /models /data
ENV HF_HOME=/models HOME=/tmp
VOLUME /models
WORKDIR /data
ENTRYPOINT ["whisperdiar"]
