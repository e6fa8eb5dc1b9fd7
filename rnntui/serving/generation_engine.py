"""The thread that generates all texts of one model."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from rnntui.inference.loaded_model import LoadedLanguageModel
from rnntui.serving.api_errors import ApiError, queue_is_full, server_is_stopping, unexpected_failure
from rnntui.serving.continuous_batch import ContinuousBatch
from rnntui.serving.generation_job import GenerationJob, OutputQueue
from rnntui.serving.server_config import ServerConfig

# Seconds between two deliveries of text, and more for each text in the batch: 27 ms for one, 89 for 32. Nobody reads
# faster, and on a busy machine an event for each token took as much processor time as the model.
_DELIVERY_INTERVAL = 0.025
_DELIVERY_INTERVAL_PER_TEXT = 0.002


class GenerationEngine:
    """Generates the texts of all requests to one model together, in a thread of its own.

    Args:
        loaded: the model.
        config: size of the batch and of the queue.
        fingerprint: what tells whether two responses came from the same weights.
    """

    def __init__(self, loaded: LoadedLanguageModel, config: ServerConfig, fingerprint: str = "") -> None:
        self.loaded = loaded
        self.fingerprint = fingerprint
        self._config = config
        self._batch = ContinuousBatch(loaded, config.max_batch)
        self._wanted = threading.Condition()
        self._submitted: list[GenerationJob] = []
        self._texts = 0  # submitted and not ended
        self._has_cancelled = False
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return self._texts > 0

    def submit(self, jobs: Sequence[GenerationJob]) -> None:
        """Submit the prompts of a request. Raises `ApiError` if the queue is full or the engine is being stopped."""
        texts = sum(job.choices for job in jobs)
        with self._wanted:
            if self._is_stopping:
                raise server_is_stopping()
            if self._texts + texts > self._config.max_batch + self._config.max_queue:
                raise queue_is_full()
            self._texts += texts
            self._submitted += jobs
            self._wanted.notify()

    def cancel(self, output: OutputQueue) -> None:
        """Drop the texts of a request whose client has left."""
        with self._wanted:
            output.cancel()
            self._has_cancelled = True
            self._wanted.notify()

    def stop(self) -> None:
        """End all requests with an error, and the thread; returns when it has ended."""
        with self._wanted:
            self._is_stopping = True
            self._wanted.notify()
        self._thread.join()

    def _run(self) -> None:
        delivered = 0.0
        while self._take_submitted():
            try:
                self._batch.advance()
                now = time.monotonic()
                interval = _DELIVERY_INTERVAL + _DELIVERY_INTERVAL_PER_TEXT * self._batch.row_count
                if self._batch.has_urgent_output or now - delivered > interval or not self._batch.has_work:
                    delivered = now
                    OutputQueue.notify(self._batch.deliver())
            except Exception as error:  # of one request, perhaps, but which is not known: every client is told
                self._fail(unexpected_failure(error))
        self._fail(server_is_stopping())

    def _take_submitted(self) -> bool:
        """Move new requests into the batch, waiting for one if there is nothing to do. Return False at the end."""
        with self._wanted:
            while not (self._submitted or self._batch.has_work or self._is_stopping):
                self._texts = 0
                self._wanted.wait()
            for job in self._submitted:
                self._batch.add(job)
            self._submitted = []
            if self._has_cancelled:
                self._has_cancelled = False
                self._batch.drop_cancelled()
            self._texts = self._batch.text_count
            return not self._is_stopping

    def _fail(self, error: ApiError) -> None:
        outputs = self._batch.outputs
        self._batch.clear()
        for output in outputs:
            output.put(error)
        OutputQueue.notify(outputs)
