# JEPA-SCORE on CPUs: `docker compose up`, or `docker build --tag jepascore .`. For NVIDIA GPUs see Dockerfile.cuda.
FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/jepascore
RUN pip install --no-cache-dir "uv>=0.8" && uv venv "$VIRTUAL_ENV"
WORKDIR /source
# Dependencies first: they change rarely, and take most of the time. torch and torchvision come from the same index.
COPY requirements.txt ./
ARG TORCH_BACKEND=cpu
RUN uv pip install --no-cache --torch-backend "$TORCH_BACKEND" --requirements requirements.txt
COPY . .
RUN uv build --wheel --out-dir /wheel && uv pip install --no-cache --no-deps /wheel/*.whl

FROM python:3.13-slim
# tini reaps workers that outlive a request, and passes on the signal that stops the container.
# Debian keeps the newest version of a package only, so none is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /data --create-home --shell /usr/sbin/nologin jepascore
COPY --from=build /opt/jepascore /opt/jepascore
# The user's home is the volume, so that results and downloaded weights (~/.cache) survive the container.
ENV PATH=/opt/jepascore/bin:$PATH \
    HOME=/data \
    JEPASCORE_HOME=/data/jepascore \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0
USER 1000:1000
WORKDIR /data
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["tini", "--", "jepascore"]
CMD ["app", "--no-browser", "--port", "8501"]
