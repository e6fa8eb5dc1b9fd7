# rnntui without torch: the app, the commands and the server.
#
#   docker build -t rnntui .
#   docker run --rm -it -v "$PWD:/work" rnntui                                      the app, on the runs of this folder
#   docker run --rm -i -v "$PWD:/work" rnntui translate < lines.txt                 any command
#   docker run --rm -p 127.0.0.1:8000:8000 rnntui serve --host 0.0.0.0 --api-key secret   the server
#
# With --build-arg EXTRAS=serve,train it trains, too, and is gigabytes larger.

FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir -c constraints.txt hatchling \
    && python -m hatchling build -t wheel -d /wheels

FROM python:3.13-slim
ARG EXTRAS=serve
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir -c /wheels/constraints.txt "$(echo /wheels/*.whl)[$EXTRAS]" && rm -r /wheels \
    && useradd --create-home user
USER user
WORKDIR /work
# the terminal's colours, and text in any script
ENV TERM=xterm-256color COLORTERM=truecolor LANG=C.UTF-8
EXPOSE 8000
ENTRYPOINT ["rnntui"]
CMD ["chat"]
