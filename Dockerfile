# hwrts on a CPU: docker build -t hwrts . && docker run --rm -v "$PWD:/work" hwrts run --name first
# The folder that is mounted at /work holds photographs and runs; --user "$(id -u):$(id -g)" keeps them yours.
FROM python:3.11-slim

# PyPI's torch brings CUDA, which is 5 GB that no CPU needs.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

COPY constraints.txt pyproject.toml setup.py README.md LICENSE /source/
COPY export /source/export
COPY fixed_point /source/fixed_point
COPY hwrts /source/hwrts
RUN python -m pip install --no-cache-dir -c /source/constraints.txt --index-url "$TORCH_INDEX" torch \
    && python -m pip install --no-cache-dir -c /source/constraints.txt /source \
    && rm -r /source

# Whoever runs it has no home; libraries keep their caches here.
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONUNBUFFERED=1
WORKDIR /work
ENTRYPOINT ["hwrts"]
CMD ["--help"]
