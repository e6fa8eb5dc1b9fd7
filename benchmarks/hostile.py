"""Broken and hostile checkpoints: every file of a run mutated, and every command that opens it.

    python benchmarks/hostile.py --share 0.1 --json hostile.jsonl
    python benchmarks/hostile.py table hostile.jsonl

Runs of each kind (`hostile_runs.py`), a folder of saved texts, a search for settings and, with `--torch`, stopped
trainings are mutated file by file (`hostile_files.py`), both as they were written and without their checksums, which
would refuse most mutations before a parser sees them. Each mutation is opened by each command that reads the file, in a
fork of one warm process. Allowed is success, or one line of an error with exit code 1 or 2. Everything else is a
failure: a traceback, an error that a command did not expect, a hang, the end by a signal, more memory than three times
the size of the run and a base, and a change of anything outside of the run's folder.

`fuzz_parsers.py` looks for inputs that this list does not have.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from hostile_files import Mutation, mutations
from hostile_runs import make_runs, make_search, make_texts, trained_runs, without_checksums

BASE = 48 << 20  # bytes of memory that opening may take beside three times the size of the files
TORCH_BASE = 128 << 20  # the same of evaluating and training, which take 50 MB for a run of 50 kB
ADDRESSES = 1 << 30  # bytes of address space beyond that: libraries reserve more than they use
CPU_SECONDS = 10
SECONDS = 40
PLENTIFUL = {"wrong type": 0.12, "huge number": 0.12, "type": 0.4, "header": 0.6, "truncated": 0.6, "shape": 0.6}
"""Kinds of which there are so many that a smaller share is tried."""

Command = Callable[[Path, str], object]
"""Opens what is in a folder of runs, given by the folder and a name; its result, if it is an `int`, is an exit code."""


@dataclass(frozen=True)
class Failure:
    """A mutation that a command did not take as it should."""

    run: str
    file: str
    kind: str
    label: str
    command: str
    problem: str


# -- commands --------------------------------------------------------------------------------------------------------


def shell(*arguments: str) -> Command:
    """Return a command of `rnntui`, which is told the run and the folder of runs."""

    def command(folder: Path, name: str) -> int:
        from rnntui.cli.main import run

        words = [name if word == "RUN" else word for word in arguments]
        return run([*words, "--checkpoints", str(folder)])

    return command


def chat(folder: Path, name: str) -> None:
    """Open a run as the app does, and let it be watched."""
    from rnntui.kinds.registry import KINDS
    from rnntui.runs.lookup import kind_id_of, named_run
    from rnntui.sessions.model_cache import ModelCache

    kind = KINDS.get(kind_id_of(named_run(name, folder)) or "language-model")
    if kind is not None:
        ModelCache(folder, kind).load_for_text(name, "")
        ModelCache(folder, kind).load(named_run(name, folder))


def watch(folder: Path, name: str) -> None:
    """Watch the runs as the Train tab does."""
    from rnntui.sessions.run_facts import run_facts, run_line
    from rnntui.sessions.run_watcher import RunWatcher
    from rnntui.sessions.tuning_watcher import TuningWatcher

    watcher = RunWatcher(folder)
    for _ in range(3):
        for run in watcher.poll({str(folder / name)}).runs:
            if run.name == name:
                run_facts(run)
                run_line(run, run.name)
    TuningWatcher(folder).poll()


def reopen(folder: Path, name: str) -> None:
    """Open saved texts and preferences as the app does."""
    from rnntui.inference.loaded_model import load_language_model
    from rnntui.runs.folder import RunFolder
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.prompt_history import PromptHistory
    from rnntui.sessions.saved_texts import SavedTexts, read_saved_source
    from rnntui.sessions.transcript_files import read
    from rnntui.tui.preferences import PreferencesFile

    texts = folder / name
    PreferencesFile(texts / "settings.json").load()
    PromptHistory(lambda: texts / "history.jsonl").older("")
    list(SavedTexts(lambda: texts, lambda: []).read_all())
    read_saved_source(texts / "source.txt")
    saved = read(texts / "chat.txt")
    conversation = Conversation(load_language_model(RunFolder(folder.parent / "made" / "sealed" / "char")), "char")
    conversation.reopen(saved)
    for branch in list(conversation.tree.branches()):
        conversation.tree.text_of(branch)


SAMPLE = ("sample", "--run", "RUN", "--prompt", "the sea", "-n", "6", "--seed", "1")
USES: dict[str, dict[str, Command]] = {
    "language-model": {
        "sample": shell(*SAMPLE),
        "score": shell("score", "--run", "RUN", "the old man"),
    },
    "seq2seq": {"translate": shell("translate", "--run", "RUN", "the sea 12")},
    "classifier": {"classify": shell("classify", "--run", "RUN", "--explain", "a fine old boat")},
}
COMMON: dict[str, Command] = {
    "verify": shell("verify", "RUN"),
    "verify --repair": shell("verify", "--repair", "RUN"),
    "runs": shell("runs"),
    "show": shell("show", "RUN"),
    "curves": shell("curves", "RUN"),
    "report": shell("report", "RUN", "--html", "-"),
    "chat": chat,
    "watch": watch,
}
READERS = {
    "config.json": None,  # all
    "metrics.jsonl": {
        "curves",
        "show",
        "verify",
        "verify --repair",
        "watch",
        "runs",
        "report",
        "resume",
        "export --tensorboard",
    },
    "status.json": {"runs", "show", "verify", "verify --repair", "watch", "curves", "report", "resume"},
    "checksums.json": {"verify", "verify --repair"},
    "note.txt": {"runs", "show", "report"},
    "lock": {"runs", "verify --repair", "resume", "watch"},
    "text.state": {"sample --from-state"},
    "tuning.jsonl": {"watch", "tune"},
}
"""The commands that read a file, by its name; the weights, vocabularies and n-grams are read by all others."""
WEIGHTS = {
    "sample", "score", "translate", "classify", "verify", "verify --repair", "show", "chat", "watch", "evaluate",
    "resume", "export --copy", "sample --novel",
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A folder whose files are mutated, with the commands that open it.

    Args:
        folder: it.
        commands: by name.
        reads_all: all commands read every file.
    """

    folder: Path
    commands: dict[str, Command]
    reads_all: bool = False


def commands_for(subject: Subject, mutation: Mutation) -> list[str]:
    """Return the names of the commands that read the mutated file."""
    name = Path(mutation.file).name
    readers = (
        READERS.get(name, WEIGHTS)
        if not mutation.file.startswith("resume/")
        else {"resume", "verify", "verify --repair", "watch"}
    )
    if mutation.file.startswith("novelty/"):
        readers = {"sample --novel"}
    return [command for command in subject.commands if readers is None or command in readers or subject.reads_all]


# -- a single attempt ------------------------------------------------------------------------------------------------


def memory(key: str) -> int:
    """Return a size of this process from the kernel, in bytes."""
    match = re.search(rf"^{key}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(match[1]) << 10 if match else 0


def attempt(command: Command, folder: Path, name: str, output: Path, limit: int) -> tuple[str, int]:
    """Open a run in a fork; return what is wrong, or "", and by how many bytes the process grew.

    `limit` is the number of bytes by which it may.
    """
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        code = 99
        try:
            os.close(reader)
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.fsync = lambda handle: None  # type: ignore[assignment]
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            addresses = memory("VmSize") + limit + ADDRESSES
            resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            before = memory("VmRSS")
            code = called(command, folder, name)
            sys.stdout.flush()
            os.write(writer, str(max(0, memory("VmHWM") - before)).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        growth = int(file.read() or b"0")
    _, status = os.waitpid(process, 0)
    printed = output.read_bytes().decode("utf-8", "replace") if output.exists() else ""
    return verdict(status, printed, growth, limit), growth


def called(command: Command, folder: Path, name: str) -> int:
    """Call a command; return its exit code."""
    from rnntui.errors import RnntuiError

    try:
        result = command(folder, name)
    except (RnntuiError, OSError) as error:  # as the app catches and shows them
        print(f"rnntui: {error}".replace("\n", " "))
        return 1
    return result if isinstance(result, int) else 0


def verdict(status: int, printed: str, growth: int, limit: int) -> str:
    """Return what is wrong with the end of a command, or an empty string."""
    lines = [line for line in printed.splitlines() if line.startswith("rnntui: ")]
    last = printed.strip().splitlines()[-1][-300:] if printed.strip() else ""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        word = "hang" if number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL) else "crash"
        return f"{word}: signal {number}: {last}"
    if re.search(r"Traceback|\(this is a bug|\w+Warning: ", printed):
        at = [line.strip() for line in printed.splitlines() if line.strip().startswith("File ")]
        return f"traceback: {at[-1] if at else ''} {last}"
    code = os.WEXITSTATUS(status)
    if code not in (0, 1, 2):
        return f"exit code {code}: {last}"
    if "out of memory" in printed:
        return f"memory: {last}"
    if growth > limit:
        return f"memory: {growth >> 20} MB, where {limit >> 20} MB are allowed"
    if code == 2 and not lines:
        return f"no line: {last}"
    if code and any(len(line) > 2000 for line in lines):
        return f"a long line: {last[:100]}"
    return ""


# -- the campaign ----------------------------------------------------------------------------------------------------


class Campaign:
    """Tries mutations and counts them.

    Args:
        scratch: a folder for the mutated copies.
        share: of all pairs of mutation and command, how many are tried.
        seed: of their choice.
    """

    def __init__(self, scratch: Path, share: float, seed: int) -> None:
        self.scratch, self.share = scratch, share
        self.random = random.Random(seed)
        self.tried: Counter[tuple[str, str]] = Counter()
        self.mutations: Counter[str] = Counter()
        self.refused = 0
        self.peak = 0
        self.failures: list[Failure] = []
        self._folder = scratch / "runs"
        self._outside = scratch / "outside"
        self._folder.mkdir()

    def run(self, subject: Subject, others: list[Path], wanted: re.Pattern[str]) -> None:
        """Try a share of the mutations of a folder with each command that reads what is mutated."""
        for mutation in mutations(subject.folder, others):
            if not wanted.search(f"{mutation.file} [{mutation.kind}] {mutation.label}"):
                continue
            share = self.share * PLENTIFUL.get(mutation.kind, 1.0)
            names = [name for name in commands_for(subject, mutation) if self.random.random() < share]
            for name in names:
                self._try(subject, mutation, name)
            self.mutations[mutation.kind] += bool(names)

    def _try(self, subject: Subject, mutation: Mutation, name: str) -> None:
        target = self._folder / subject.folder.name
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        shutil.copytree(subject.folder, target, symlinks=True)
        self._lay_out()
        mutation.apply(target)
        size = sum(path.lstat().st_size for path in target.rglob("*") if not path.is_dir())
        limit = 3 * size + (TORCH_BASE if name in ("resume", "evaluate") else BASE)
        problem, growth = attempt(subject.commands[name], self._folder, target.name, self.scratch / "output", limit)
        problem = problem or self._outside_problem()
        self.tried[mutation.kind, name] += 1
        self.peak = max(self.peak, growth)
        if problem:
            variant = f"{subject.folder.parent.name}/{subject.folder.name}"
            failure = Failure(variant, mutation.file, mutation.kind, mutation.label, name, problem)
            self.failures.append(failure)
            print(f"{variant} {mutation.file} [{mutation.kind}] {mutation.label} | {name}: {problem}", flush=True)

    def _lay_out(self) -> None:
        """Put files outside of the run, which nothing may change."""
        if self._outside_state() != _OUTSIDE:
            shutil.rmtree(self._outside, ignore_errors=True)
            for name, data in _OUTSIDE.items():
                path = self._outside / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            (self._outside / "large.bin").touch()
            os.truncate(self._outside / "large.bin", 300 << 20)

    def _outside_state(self) -> dict[str, bytes]:
        if not self._outside.exists():
            return {}
        files = (path for path in self._outside.rglob("*") if path.is_file() and path.name != "large.bin")
        return {path.relative_to(self._outside).as_posix(): path.read_bytes() for path in files}

    def _outside_problem(self) -> str:
        state = self._outside_state()
        changed = sorted(name for name in {*state, *_OUTSIDE} if state.get(name) != _OUTSIDE.get(name))
        return f"changed outside: {', '.join(changed)}" if changed else ""


_OUTSIDE = {
    "canary.txt": b"do not touch", "status.json": b"{", "state.safetensors": b"x", "tokenizer.json": b"{}",
    "training.ids": b"1", ".x.1.partial": b"partial", "notes/a.txt": b"x", "index.json": b"{}", "metrics.jsonl": b"x\n",
}  # fmt: skip


def subjects(folder: Path, with_torch: bool) -> Iterator[Subject]:
    """Make the folders to mutate and yield them, each also without checksums."""
    from rnntui.runs.folder import RunFolder

    names = trained_runs(folder / "sealed") if with_torch else make_runs(folder / "sealed")
    for name in names:
        kind = RunFolder(folder / "sealed" / name).read_config().kind
        commands = {**USES[kind], **COMMON}
        state = folder / "sealed" / name / "text.state"
        if state.exists():
            commands["sample --from-state"] = from_state
        if with_torch:
            commands = {
                "resume": resume(kind),
                "evaluate": evaluate(kind),
                **({"sample --novel": novel} if kind == "language-model" else {}),
            }
        else:
            commands |= {"export --copy": copy, "export --tensorboard": events}
        yield Subject(folder / "sealed" / name, commands)
        without_checksums(folder / "sealed" / name, folder / "bare" / name)
        yield Subject(folder / "bare" / name, commands)
    if not with_torch:
        yield Subject(make_texts(folder / "sealed" / "texts"), {"reopen": reopen}, reads_all=True)
        search = make_search(folder / "sealed" / "text.tuning")
        yield Subject(search, {"runs": COMMON["runs"], "watch": watch, "tune": search_state}, reads_all=True)


def from_state(folder: Path, name: str) -> int:
    """Go on from a saved state."""
    return shell("sample", "--run", "RUN", "-n", "4", "--from-state", str(folder / name / "text.state"))(folder, name)  # type: ignore[return-value]


def copy(folder: Path, name: str) -> int:
    """Write a small copy of a run."""
    return shell("export", "RUN", "--copy", str(folder / "copy"))(folder, name)  # type: ignore[return-value]


def events(folder: Path, name: str) -> int:
    """Write the metrics of a run for TensorBoard."""
    return shell("export", "RUN", "--tensorboard", str(folder / "events"))(folder, name)  # type: ignore[return-value]


def novel(folder: Path, name: str) -> int:
    """Sample with the index of the training text."""
    return shell(*SAMPLE, "--novel", "8")(folder, name)  # type: ignore[return-value]


def search_state(folder: Path, name: str) -> None:
    """Read the ledger of a search as `rnntui tune` does when it goes on."""
    from rnntui.runs.tuning_ledger import TuningFolder, TuningLedger

    TuningLedger.open(TuningFolder(folder / name))


def resume(kind: str) -> Command:
    """Return the command that goes on with a training."""
    from rnntui.kinds.registry import KINDS

    return shell(KINDS[kind].command, "--resume", "--name", "RUN", "--steps", "14")


def evaluate(kind: str) -> Command:
    """Return the command that evaluates a run on a text."""

    def command(folder: Path, name: str) -> int:
        data = folder.parent / "data.tsv"
        lines = "the sea\tgood\nan old man\tbad\n" * 3 if kind != "language-model" else "the old man and the sea\n" * 20
        data.write_text(lines)
        return shell("evaluate", str(data), "--run", "RUN")(folder, name)  # type: ignore[return-value]

    return command


def warm_up(with_torch: bool) -> None:
    """Import what the commands import, once for all forks."""
    import importlib

    modules = [
        "sample",
        "score",
        "translate",
        "classify",
        "verify",
        "runs",
        "show",
        "curves",
        "export",
        "evaluate",
        "inspect_novelty",
    ]
    for module in modules:
        importlib.import_module(f"rnntui.cli.{module}")
    for module in (
        "sessions.conversation", "sessions.model_cache", "sessions.run_watcher", "sessions.tuning_watcher",
        "sessions.saved_transcript", "sessions.transcript_files", "sessions.saved_texts", "sessions.prompt_history",
        "tui.preferences", "exporting.small_copy", "inference.translator", "inference.classifier",
        "inference.text_sampler", "inference.copy_guard", "inspection.novelty_index",
    ):  # fmt: skip
        importlib.import_module(f"rnntui.{module}")
    if with_torch:
        import torch

        for module in (
            "train_run",
            "evaluate_language_model",
            "evaluate_seq2seq",
            "language_model_task",
            "seq2seq_task",
            "classifier_task",
            "resume",
        ):
            importlib.import_module(f"rnntui.training.{module}")
        torch.set_num_threads(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", help="table FILE...: print the table of results")
    parser.add_argument("--share", type=float, default=0.05, help="share of the mutations of each kind to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--torch", action="store_true", help="resume and evaluate stopped trainings")
    parser.add_argument("--runs", nargs="+", help="only these, as in bare/char or sealed/labels")
    parser.add_argument("--only", default="", help="only mutations whose run, file, kind or label matches this pattern")
    parser.add_argument("--json", type=Path, help="append the counts to this file")
    parser.add_argument("--folder", type=Path, help="make the runs here, not in a temporary folder")
    arguments = parser.parse_args()
    if arguments.table:
        print_table([json.loads(line) for path in arguments.table[1:] for line in Path(path).read_text().splitlines()])
        return 0
    started = time.monotonic()
    warm_up(arguments.torch)
    gc.collect()
    gc.freeze()  # or each fork would copy the pages of all objects when its garbage collector visits them
    memory_folder = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small files
    with tempfile.TemporaryDirectory(prefix="hostile-", dir=memory_folder) as temporary:
        scratch = Path(temporary)
        campaign = Campaign(scratch, arguments.share, arguments.seed)
        for subject in subjects(scratch / "made", arguments.torch):
            variant = f"{subject.folder.parent.name}/{subject.folder.name}"
            if arguments.runs and variant not in arguments.runs:
                continue
            others = sorted(path for path in subject.folder.parent.iterdir() if path.is_dir())
            campaign.run(subject, others, re.compile(arguments.only))
            tried = sum(campaign.tried.values())
            print(f"{variant}: {tried} tried, {len(campaign.failures)} failures", file=sys.stderr)
    result = {
        "tried": [[kind, command, count] for (kind, command), count in sorted(campaign.tried.items())],
        "mutations": dict(campaign.mutations), "peak": campaign.peak,
        "failures": [asdict(failure) for failure in campaign.failures], "seconds": time.monotonic() - started,
    }  # fmt: skip
    if arguments.json:
        with arguments.json.open("a") as file:
            file.write(json.dumps(result) + "\n")
    print_table([result])
    return 1 if campaign.failures else 0


COLUMNS = {
    "sample, score": ("sample", "score", "sample --from-state", "sample --novel"),
    "translate, classify": ("translate", "classify"),
    "runs, show, curves, report": ("runs", "show", "curves", "report"),
    "verify": ("verify",),
    "verify --repair": ("verify --repair",),
    "export": ("export --copy", "export --tensorboard"),
    "evaluate": ("evaluate",),
    "resume": ("resume",),
    "app": ("chat", "watch", "reopen", "tune"),
}
"""The commands of each column of the table."""


def print_table(results: list[dict]) -> None:
    """Print a row for each kind of mutation and a column for some commands, as Markdown."""
    tried: Counter[tuple[str, str]] = Counter()
    column_of = {command: column for column, commands in COLUMNS.items() for command in commands}
    for result in results:
        for kind, command, count in result["tried"]:
            tried[kind, column_of[command]] += count
    kinds = sorted({kind for kind, _ in tried})
    print(f"| mutation | {' | '.join(COLUMNS)} | all |\n|---|{'---|' * (len(COLUMNS) + 1)}")
    for kind in kinds:
        counts = [tried[kind, column] for column in COLUMNS]
        print(f"| {kind} | {' | '.join(f'{count:,}' if count else '' for count in counts)} | {sum(counts):,} |")
    totals = [sum(tried[kind, column] for kind in kinds) for column in COLUMNS]
    print(f"| all | {' | '.join(f'{total:,}' for total in totals)} | {sum(totals):,} |")
    problems = Counter(failure["problem"].split(":")[0] for result in results for failure in result["failures"])
    made = sum(sum(result["mutations"].values()) for result in results)
    peak, seconds = max(result["peak"] for result in results), sum(result["seconds"] for result in results)
    print(f"\n{made:,} mutations; failures: {dict(problems)}; peak growth {peak / 2**20:.0f} MB; {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
