"""Requests of the OpenAI API, checked and turned into jobs for the engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rnntui.config_generation import GenerationConfig, SamplingConfig, new_seed
from rnntui.errors import UsageError
from rnntui.serving.api_errors import ApiError
from rnntui.serving.chat_prompt import ChatMessage, dialogue_text, stop_strings
from rnntui.serving.json_fields import JsonFields
from rnntui.serving.server_config import ServerConfig
from rnntui.settings import settings_of
from rnntui.text.turns import SpeakerLabels, speaker_labels_of

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.numpy_language_model import Ids
    from rnntui.serving.generation_job import GenerationJob, OutputQueue

Endpoint = Literal["completions", "chat/completions"]

_MAX_CHOICES = 128
_MAX_STOPS = 16
_MAX_ALTERNATIVES: dict[Endpoint, int] = {"completions": 5, "chat/completions": 20}
# Of a completion. In the API it is 16, which of characters is less than a line, and not every client asks for more.
_DEFAULT_LENGTH = GenerationConfig().length

_SAMPLING = tuple(settings_of(SamplingConfig))
_COMMON = ("model", "n", "seed", "stop", "stream", "stream_options", "logprobs", "max_tokens", *_SAMPLING)
_KNOWN: dict[Endpoint, tuple[str, ...]] = {
    "completions": (*_COMMON, "prompt", "echo"),
    "chat/completions": (*_COMMON, "messages", "top_logprobs", "max_completion_tokens"),
}
_IGNORED = ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
"""Fields that change nothing about a text."""

# Fields for which a recurrent model has no equivalent, with the values that ask for nothing.
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "suffix": ("",),
    "best_of": (1,),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (False, True),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "reasoning_effort": ("none",),
    "verbosity": (),
    "web_search_options": (),
}
_CHECKED = (
    "sampling", "length", "stops", "choices", "seed", "alternatives", "echoes", "is_streamed", "includes_usage",
)  # fmt: skip
"""Properties of a request that raise an error where a field is wrong."""

_INSTEAD = {"presence_penalty": "repetition_penalty", "frequency_penalty": "repetition_penalty"}


@dataclass(frozen=True)
class OpenAIRequest:
    """A checked request for completions or for the next message of a chat.

    Args:
        endpoint: the endpoint that it was sent to.
        model: the name of the run.
        fields: all fields of the request.
        config: limits of the server.
    """

    endpoint: Endpoint
    model: str
    fields: JsonFields
    config: ServerConfig

    @classmethod
    def parse(cls, endpoint: Endpoint, values: object, config: ServerConfig) -> OpenAIRequest:
        """Check the parts of a request that do not depend on the model. Raises `ApiError`."""
        if not isinstance(values, dict):
            raise ApiError(400, "The body of the request must be a JSON object.")
        fields = JsonFields(values)
        model = fields.require("model")
        if not isinstance(model, str):
            raise fields.wrong_type("model", "a string")
        fields.refuse_others((*_KNOWN[endpoint], *_IGNORED, *_UNSUPPORTED))
        for name, harmless in _UNSUPPORTED.items():
            if name in fields and fields.get(name) not in harmless and not _is_default(name, fields):
                instead = f" Use '{_INSTEAD[name]}' instead." if name in _INSTEAD else ""
                message = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
                raise ApiError(400, message, name, "unsupported_parameter")
        request = cls(endpoint, model, fields, config)
        for name in _CHECKED:
            getattr(request, name)
        return request

    @property
    def is_streamed(self) -> bool:
        return self.fields.boolean("stream")

    @property
    def includes_usage(self) -> bool:
        """True if a stream is to end with the numbers of tokens."""
        options = self.fields.get("stream_options")
        if options is None:
            return False
        if not isinstance(options, dict):
            raise self.fields.wrong_type("stream_options", "an object")
        return JsonFields(options, "stream_options.").boolean("include_usage")

    @cached_property
    def sampling(self) -> SamplingConfig:
        """The sampling settings; those that are absent are as in the API: temperature 1, everything else off."""
        values: dict[str, float] = {}
        defaults = SamplingConfig(temperature=1.0)
        for name, setting in settings_of(SamplingConfig).items():
            default = getattr(defaults, name)
            low, high = setting.low, setting.high
            values[name] = (
                self.fields.integer(
                    name, default, None if low is None else int(low), None if high is None else int(high)
                )
                if isinstance(default, int)
                else self.fields.number(name, default, low, high)
            )
        try:
            return SamplingConfig.from_json(values)
        except UsageError as error:
            raise ApiError(400, f"{error}.", error.setting or None, "invalid_value") from error

    @cached_property
    def length(self) -> int:
        """Maximum number of tokens of a choice."""
        name, default = "max_tokens", min(_DEFAULT_LENGTH, self.config.max_tokens)
        if self.endpoint == "chat/completions":
            default = self.config.max_tokens
            name = "max_completion_tokens" if "max_completion_tokens" in self.fields else name
        low = 0 if self.endpoint == "completions" else 1
        return self.fields.integer(name, default, low, self.config.max_tokens)

    @cached_property
    def choices(self) -> int:
        return self.fields.integer("n", 1, 1, _MAX_CHOICES)

    @cached_property
    def seed(self) -> int | None:
        return self.fields.integer("seed", 0) if "seed" in self.fields else None

    @cached_property
    def stops(self) -> tuple[str, ...]:
        value = self.fields.get("stop")
        stops = [value] if isinstance(value, str) else value if value is not None else []
        if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
            raise self.fields.wrong_type("stop", "a string or an array of strings")
        if len(stops) > _MAX_STOPS:
            raise self.fields.invalid("stop", f"at most {_MAX_STOPS} strings are allowed", "array_above_max_length")
        if not all(stops):
            raise self.fields.invalid("stop", "a string must not be empty", "string_below_min_length")
        return tuple(stops)

    @cached_property
    def alternatives(self) -> int | None:
        """Number of most probable tokens at each position; None if no log-probabilities are wanted."""
        limit = _MAX_ALTERNATIVES[self.endpoint]
        if self.endpoint == "completions":
            return self.fields.integer("logprobs", 0, 0, limit) if "logprobs" in self.fields else None
        wanted = self.fields.boolean("logprobs")
        count = self.fields.integer("top_logprobs", 0, 0, limit)
        if count and not wanted:
            raise self.fields.invalid("top_logprobs", "'logprobs' must be true for it")
        return count if wanted else None

    @property
    def echoes(self) -> bool:
        """True if a choice begins with the prompt."""
        return self.endpoint == "completions" and self.fields.boolean("echo")


def _is_default(name: str, fields: JsonFields) -> bool:
    """Return True for a value that asks for nothing because of another field."""
    return name == "best_of" and fields.get(name) == fields.get("n")


def prompts_of(request: OpenAIRequest, loaded: LoadedLanguageModel) -> list[str | list[int]]:
    """Return the prompts of a request: texts, or token ids. Raises `ApiError`."""
    if request.endpoint == "chat/completions":
        return [_chat_prompt(request, loaded)]
    fields = request.fields
    value = fields.get("prompt")
    if value is None:
        return [""]
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        raise fields.wrong_type("prompt", "a string or a non-empty array")
    if all(isinstance(text, str) for text in value):
        return value
    prompts = value if all(isinstance(ids, list) for ids in value) else [value]
    size = loaded.tokenizer.vocab_size
    if not all(type(token) is int and 0 <= token < size for ids in prompts for token in ids):
        raise fields.invalid("prompt", f"tokens must be integers from 0 to {size - 1}")
    return prompts


def speakers_of(request: OpenAIRequest, loaded: LoadedLanguageModel) -> SpeakerLabels:
    """Return the speakers of a chat. Raises `ApiError` if the model was not trained on turns."""
    speakers = speaker_labels_of(loaded.config.corpus)
    if speakers is None:
        message = (
            f"{request.model} was not trained on a dialogue and thus not supported in the v1/chat/completions "
            "endpoint. Did you mean to use v1/completions?"
        )
        raise ApiError(404, message, "model", "model_not_supported")
    return speakers


def _chat_prompt(request: OpenAIRequest, loaded: LoadedLanguageModel) -> str:
    speakers = speakers_of(request, loaded)
    messages = []
    for fields in request.fields.objects("messages"):
        role = fields.require("role")
        if role not in ("user", "assistant"):
            if role not in ("system", "developer", "tool", "function"):
                raise fields.invalid("role", "it must be 'user' or 'assistant'")
            message = f"Unsupported value: '{role}' messages are not supported with this model."
            raise ApiError(400, message, "messages", "unsupported_value")
        fields.refuse_others(("role", "content", "name", "refusal", "annotations"))
        messages.append(ChatMessage(role == "user", _message_text(fields)))
    if not messages:
        raise request.fields.invalid("messages", "there must be at least one message", "empty_array")
    return dialogue_text(messages, speakers)


def _message_text(message: JsonFields) -> str:
    content = message.require("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise message.wrong_type("content", "a string or an array of objects")
    texts = []
    for part in message.objects("content"):
        if part.require("type") != "text":
            text = "Unsupported value: only content of type 'text' is supported with this model."
            raise ApiError(400, text, "messages", "unsupported_value")
        texts.append(part.text("text"))
    return "\n".join(texts)


def jobs_of(request: OpenAIRequest, loaded: LoadedLanguageModel, output: OutputQueue) -> list[GenerationJob]:
    """Return a job for each prompt, and count the tokens of the prompts. Raises `ApiError`.

    Encoding a long prompt takes a while, so this runs outside of the event loop.
    """
    import numpy as np

    from rnntui.inference.generate import initial_context_ids
    from rnntui.serving.generation_job import Echo, GenerationJob

    context = initial_context_ids(loaded.tokenizer)
    stops = request.stops
    if request.endpoint == "chat/completions":
        stops = (*stops, *stop_strings(speakers_of(request, loaded)))
    seed = new_seed() if request.seed is None else request.seed
    jobs = []
    for index, prompt in enumerate(prompts_of(request, loaded)):
        encoded = encoded_prompt(prompt, loaded)
        ids = encoded.ids
        if len(ids) > request.config.max_prompt:
            message = (
                f"This server's maximum prompt length is {request.config.max_prompt} tokens. However, your prompt has "
                f"{len(ids)} tokens. Please reduce the length of the {_prompt_field(request)}."
            )
            raise ApiError(400, message, _prompt_field(request), "context_length_exceeded")
        output.prompt_tokens += len(ids)
        jobs.append(
            GenerationJob(
                prompt=np.concatenate((context, ids)), after=encoded.text, output=output, sampling=request.sampling,
                length=request.length, seed=seed, stops=stops, choices=request.choices,
                # Without sampling, too, rounding alone may decide.
                is_reproducible=request.seed is not None or request.sampling.temperature == 0,
                first_choice=index * request.choices, alternatives=request.alternatives,
                scored_from=len(context) if request.echoes and request.alternatives is not None else None,
                echo=Echo(encoded.sent, len(ids), encoded.pieces) if request.echoes else None,
            )
        )  # fmt: skip
    return jobs


class EncodedPrompt(NamedTuple):
    """A prompt as it was sent, as a text, and as the model reads it: the text, and token ids `(N,)`.

    `pieces` has the part of the text that each token stands for; it is empty for a prompt that was sent as tokens.
    """

    sent: str
    text: str
    ids: Ids
    pieces: list[str]


def encoded_prompt(prompt: str | list[int], loaded: LoadedLanguageModel) -> EncodedPrompt:
    """Return a prompt as the model reads it."""
    import numpy as np

    if isinstance(prompt, str):
        text = loaded.documents.prompt(prompt)
        ids, pieces = loaded.documents.encode(text)
        return EncodedPrompt(prompt, text, np.array(ids, dtype=np.int64), pieces)
    text = loaded.documents.decode(prompt)
    return EncodedPrompt(text, text, np.array(prompt, dtype=np.int64), [])


def _prompt_field(request: OpenAIRequest) -> str:
    return "messages" if request.endpoint == "chat/completions" else "prompt"
