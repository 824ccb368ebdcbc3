# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/ostiary
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN /opt/ostiary/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements/runtime.txt \
    && pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY src src
# The last stage takes the folder as it is, without pip.
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /tmp . \
    && /opt/ostiary/bin/pip install --no-deps --no-index --find-links /tmp ostiary \
    && /opt/ostiary/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ostiary
COPY --from=build /opt/ostiary /opt/ostiary
ENV PATH=/opt/ostiary/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001
WORKDIR /
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["ostiary"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
