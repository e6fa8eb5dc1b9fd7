"""A pool of processes that compute batches for a command: in order, in bounded memory, gone as soon as the command is.

Processes are spawned, not forked: the command may have threads, and a fork would copy their locks. Each loads the model
once, and computes on one thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from rnntui.errors import RnntuiError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from multiprocessing.connection import Connection

Batch = TypeVar("Batch")
Result = TypeVar("Result")
Batch_contra = TypeVar("Batch_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)

_QUEUED = 2  # batches for each process that are computed or wait: one more than it computes, so that it never waits


class Job(Protocol[Batch_contra, Result_co]):
    """What is computed for batches; it can be pickled."""

    def load(self, workers: int) -> Callable[[Batch_contra], Result_co]:
        """Load the model, and return the function that computes a batch with a number of threads."""
        ...


class _Read(NamedTuple, Generic[Batch]):
    """A batch that was read; None at the end of the input, with the error that ended it."""

    batch: Batch | None
    error: BaseException | None = None


def map_in_processes(job: Job[Batch, Result], batches: Iterable[Batch], processes: int) -> Generator[Result]:
    """Yield the result of each batch, in their order, each as soon as it and those before it are computed.

    The batches are read by a thread, at most two for each process ahead of what has been yielded. The processes end
    when the iterator is closed, and when this process is killed.

    Raises `RnntuiError` if a process was killed, and what `batches` or the job raised, once all results before it have
    been yielded.

    Args:
        job: what is computed.
        batches: what it is computed for.
        processes: number of processes.
    """
    import multiprocessing

    # Read when numpy is imported, which these processes do anew.
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"))
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    watched, stop = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(processes, context, _start_process, (job, watched))
    ended = threading.Event()
    try:
        yield from _results(pool, batches, _QUEUED * processes, ended)
    except BrokenProcessPool as error:
        raise RnntuiError(
            "a process of the pool was killed, perhaps as memory ran out", hint="lower --jobs, or close other programs"
        ) from error
    finally:
        ended.set()
        stop.close()  # ends the processes, also amid a batch
        pool.shutdown(cancel_futures=True)
        watched.close()


def _results(pool: ProcessPoolExecutor, batches: Iterable[Batch], ahead: int, ended: threading.Event) -> Iterator[Any]:
    """Yield results in order; `ended` tells the thread that reads batches to stop."""
    events: SimpleQueue[_Read[Any] | None] = SimpleQueue()  # a batch that was read; None: one was computed
    room = threading.Semaphore(ahead)

    def read() -> None:
        try:
            for batch in batches:
                events.put(_Read(batch))
                room.acquire()
                if ended.is_set():
                    return
            events.put(_Read(None))
        except BaseException as error:
            events.put(_Read(None, error))

    # A daemon, as it may wait for input that never comes.
    threading.Thread(target=read, name="read batches", daemon=True).start()
    computed: deque[Future[Any]] = deque()
    end: _Read[Any] | None = None
    try:
        while end is None or computed:
            event = events.get()
            if event is not None and event.batch is None:
                end = event
            elif event is not None:
                computed.append(_submit(pool, event.batch))
                computed[-1].add_done_callback(lambda _: events.put(None))
            while computed and computed[0].done():
                yield computed.popleft().result()
                room.release()
    finally:
        ended.set()
        room.release()
    if end.error is not None:
        try:
            raise end.error
        finally:
            del end, event  # the error's traceback has this frame: the cycle would keep the input open


def _submit(pool: ProcessPoolExecutor, batch: object) -> Future[Any]:
    """Submit a batch; a process that this starts never gets the SIGINT of Ctrl-C, which this process handles."""
    with contextlib.ExitStack() as stack:
        if hasattr(signal, "pthread_sigmask"):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        return pool.submit(_compute, batch)


class _Process:
    """What a process of the pool has: its job, and the function of that once it is loaded."""

    job: Job[Any, Any]
    function: Callable[[Any], Any] | None = None


def _start_process(job: Job[Any, Any], watched: Connection) -> None:
    """Prepare a process of the pool, which ends as soon as the other end of `watched` is closed."""
    _Process.job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it cannot be blocked from the start

    def end() -> None:
        with contextlib.suppress(EOFError, OSError):
            watched.recv_bytes()
        os._exit(0)

    threading.Thread(target=end, name="watch", daemon=True).start()


def _compute(batch: Any) -> Any:
    """Compute a batch in a process of the pool. Its first one loads the model: an error of that is one of the batch."""
    if _Process.function is None:
        _Process.function = _Process.job.load(workers=1)
    return _Process.function(batch)
