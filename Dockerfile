# Steward in a container: slim, non-root, one process. Build: docker build -t facility-steward .
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
RUN useradd --system --create-home --home-dir /var/lib/steward steward
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl && rm -rf /wheels
USER steward
WORKDIR /var/lib/steward
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["steward"]
CMD ["run", "/etc/steward", "--host", "0.0.0.0", "--public"]
