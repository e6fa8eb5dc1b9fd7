"""Settings of the server, each declared once, as those in `rnntui/config.py`."""

from __future__ import annotations

from rnntui.settings import Settings, record, setting_field


@record
class ServerConfig(Settings):
    """Address and limits of the server."""

    host: str = setting_field(
        "127.0.0.1", "address to listen on; any other than the default can be reached from other machines"
    )
    port: int = setting_field(8000, "port to listen on; 0: any free one", low=0, high=65535)
    max_batch: int = setting_field(32, "texts that one step of a model generates together", low=1, high=256)
    max_queue: int = setting_field(
        256, "texts of a model that may wait for a place in its batch; beyond, the answer is status 429",
        low=0, high=100_000,
    )  # fmt: skip
    max_prompt: int = setting_field(16_384, "maximum tokens of a prompt", low=1, high=10_000_000)
    max_tokens: int = setting_field(4096, "maximum tokens generated for a text", low=1, high=10_000_000)
    max_body: int = setting_field(1024, "maximum kilobytes of a request; beyond, status 413", low=1, high=1_000_000)
    max_memory: int | None = setting_field(
        None,
        "megabytes of models kept in memory; beyond, those that no request uses are freed, the one used last at the "
        "end [default: half of what is available at the start]",
        low=0, high=100_000_000,
    )  # fmt: skip
    grace: float = setting_field(
        5.0, "seconds that running requests may take to end when the server is stopped", low=0.0, high=3600.0
    )
