# rnntui without torch: the app, the commands and the server.
#
#   docker build -t rnntui .
#   docker run --rm -it -v "$PWD:/work" rnntui                                      the app, on the runs of this folder
#   docker run --rm -i -v "$PWD:/work" rnntui translate < lines.txt                 any command
#   docker run --rm -p 127.0.0.1:8000:8000 rnntui serve --host 0.0.0.0 --api-key secret   the server
#
# With --build-arg EXTRAS=serve,train it trains, too, and is gigabytes larger. Each extra is installed from the file of its
# name in requirements/: what is downloaded must have one of the hashes there. Of torch there are several builds, so it is
# taken by its version in constraints.txt (requirements/lock.py).

FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/app.txt \
    && python -m hatchling build -t wheel -d /wheels

FROM python:3.13-slim
ARG EXTRAS=serve
COPY --from=build /wheels /wheels
COPY constraints.txt requirements/*.txt /wheels/
RUN cd /wheels \
    && for name in app $(echo "$EXTRAS" | tr , " "); do \
        pip install --no-cache-dir --no-deps --require-hashes -r "$name.txt" || exit 1; done \
    && case ",$EXTRAS," in *,train,*) index= ;; *) index=--no-index ;; esac \
    && pip install --no-cache-dir $index -c constraints.txt "$(echo ./*.whl)[$EXTRAS]" && cd / && rm -r /wheels \
    && useradd --create-home user
USER user
WORKDIR /work
# the terminal's colours, and text in any script
ENV TERM=xterm-256color COLORTERM=truecolor LANG=C.UTF-8
EXPOSE 8000
ENTRYPOINT ["rnntui"]
CMD ["chat"]
