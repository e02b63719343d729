# Bestiary on a CPU: docker build -t bestiary . && docker run -v "$PWD:/studies" bestiary run quickstart
FROM python:3.11-slim
WORKDIR /opt/bestiary
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir -c constraints.txt .
WORKDIR /studies
ENV BESTIARY_CACHE=/studies/.bestiary-cache
ENTRYPOINT ["bestiary"]
CMD ["--help"]
