# hwrts on a CPU: docker build -t hwrts . && docker run --rm -v "$PWD:/work" hwrts run --name first
# The folder that is mounted at /work holds photographs and runs; --user "$(id -u):$(id -g)" keeps them yours.
FROM python:3.11-slim

# PyPI's torch brings CUDA, which is 5 GB that no CPU needs. A build for CPUs is called 2.x.y+cpu there, which pip takes
# for newer than 2.x.y, and a constraint of 2.x.y allows both; all else comes from PyPI, as constraints.txt says.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

COPY constraints.txt pyproject.toml setup.py README.md LICENSE /source/
COPY export /source/export
COPY fixed_point /source/fixed_point
COPY hwrts /source/hwrts
RUN python -m pip install --no-cache-dir -c /source/constraints.txt --extra-index-url "$TORCH_INDEX" /source \
    && rm -r /source

# Whoever runs it has no home; libraries keep their caches here.
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib PYTHONUNBUFFERED=1
WORKDIR /work
ENTRYPOINT ["hwrts"]
CMD ["--help"]
