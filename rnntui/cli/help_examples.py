"""Examples at the end of each command's help."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "chat": (
        ("rnntui chat", "write with the newest run, or with the shipped model of Shakespeare"),
        ("rnntui chat chat --reopen", "go on with the last text, with the run called chat"),
    ),
    "train": (
        ("rnntui train notes.txt --minutes 10", "train for ten minutes; the run is called notes"),
        ("rnntui train --resume --name notes --minutes 20", "go on until twenty minutes in all"),
    ),
    "train-seq2seq": (
        ("rnntui train-seq2seq en-es.tsv --minutes 20", "learn to translate the first column into the second"),
        ("rnntui train-seq2seq --source a.en --target a.es", "the same with two aligned files"),
    ),
    "train-classifier": (
        ("rnntui train-classifier reviews.csv", "learn the labels of a table"),
        ("rnntui train-classifier mail/ --minutes 2", "a folder of texts for each label, for two minutes"),
    ),
    "tune": (
        (
            "rnntui tune notes.txt --minutes 60",
            "an hour of trainings of five minutes; the same line goes on after Ctrl-C",
        ),
        ("rnntui tune notes.txt --cell gru --hidden 256 --trials 10", "search the other settings, with ten trials"),
    ),
    "translate": (
        ('rnntui translate "Where is the station?"', "translate with the newest run, or with the shipped model"),
        ("rnntui translate --run en-es --file film.srt > film.es.srt", "translate subtitles"),
        (
            "rnntui translate --file english.txt --output spanish.txt --resume",
            "many lines on all cores; after a stop, the same command goes on",
        ),
    ),
    "classify": (
        ('rnntui classify --run authors --explain "It was a dark night."', "a label, and the words that decide it"),
        ("rnntui classify --top 3 --json < lines.txt", "the three most probable labels of each line"),
    ),
    "sample": (
        ('rnntui sample --run shakespeare --prompt "ROMEO:"', "continue a text"),
        ("rnntui sample -n 500 --temperature 0.7 --seed 1 --samples 3", "three texts, the same each time"),
    ),
    "runs": (
        ("rnntui runs --sort score", "all runs, the best first"),
        ("rnntui runs notes --kind LM", "the language models with notes in their name, state or note"),
    ),
    "show": (
        ("rnntui show notes", "everything about a run"),
        ("rnntui show notes notes-2", "the options in which two runs differ, and their results"),
    ),
    "rename": (
        ("rnntui rename notes diary", "the run notes is now called diary"),
        ("rnntui rename checkpoints/notes-2 diary-2", "a run by its path"),
    ),
    "delete": (
        ("rnntui delete notes-2", "delete a run after asking"),
        ("rnntui delete --yes notes-2 notes-3", "delete two without asking"),
    ),
    "note": (
        ("rnntui note notes dropout helped", "write a note, which lists show"),
        ("rnntui note notes", "print it"),
    ),
    "verify": (
        ("rnntui verify", "check all runs"),
        ("rnntui verify notes --repair", "save what can be saved of a damaged run"),
    ),
    "licenses": (
        ("rnntui licenses", "libraries, shipped models and corpora with their licences"),
        ("rnntui licenses --json > licenses.jsonl", "the same as JSON lines, with the paths of licence texts"),
    ),
    "curves": (
        ("rnntui curves", "the losses of the newest run"),
        ("rnntui curves notes diary --metric bits_per_character --svg bits.svg", "two runs in an image"),
    ),
    "evaluate": (
        ("rnntui evaluate other.txt --run notes", "the losses of a language model on a text"),
        ("rnntui evaluate en-es.tsv --run en-es --held-out", "BLEU on the pairs that were held out"),
    ),
    "index": (
        ("rnntui index notes", "find copies from the text that a run was trained on"),
        ("rnntui index notes --delete", "free the disk space again"),
    ),
    "inspect": (
        ("rnntui inspect gradients shakespeare", "from how far back the shipped model can learn"),
        ("rnntui inspect gradients my-rnn my-lstm --svg flow.svg", "two runs in an image"),
    ),
    "inspect attention": (
        ('rnntui inspect attention en-es --sentence "Where is it?"', "the matrix of a translation"),
        ("rnntui inspect attention dot general --pairs test.tsv", "two runs over the same pairs"),
        ("rnntui inspect attention --compare dot,general en-es.tsv", "train two, and compare them"),
    ),
    "inspect gradients": (
        ("rnntui inspect gradients shakespeare", "one run, after training and before"),
        ("rnntui inspect gradients notes.txt --compare rnn,gru,lstm", "train three cells, and compare them"),
        ("rnntui inspect gradients my-rnn my-lstm --svg flow.svg", "two runs in an image"),
    ),
    "inspect context": (
        ("rnntui inspect context shakespeare", "the loss with the last 1, 2, 4, … 512 characters"),
        ("rnntui inspect context notes --text other.txt --json", "on another text, as data"),
    ),
    "inspect clipping": (
        ("rnntui inspect clipping shakespeare", "the gradient norms of a training"),
        ("rnntui inspect clipping my-rnn my-lstm --json", "of two, as data"),
    ),
    "inspect units": (
        ("rnntui inspect units shakespeare", "what units track, and held-out text in the colours of the best one"),
        ('rnntui inspect units shakespeare "[Enter ROMEO]" --feature brackets --top 5', "your text; one feature"),
        ('rnntui inspect units shakespeare "Ay [Exit]" --unit 1/366 --gate f', "one unit by its name"),
    ),
    "inspect step": (
        ('rnntui inspect step shakespeare "To be, or not to b"', "the step at the last letter"),
        ('rnntui inspect step shakespeare "To be, or not to b" --html step.html', "a page with all steps"),
    ),
    "inspect novelty": (
        ("rnntui inspect novelty shakespeare", "what 64 generated texts have from the training text"),
        ("rnntui inspect novelty notes --text draft.txt", "what your own text has from it"),
    ),
    "report": (
        ("rnntui report shakespeare", "a page about a run: shakespeare.html"),
        ("rnntui report en-es --html en-es-report.html", "a file of another name"),
    ),
    "export": (
        ("rnntui export shakespeare --onnx shakespeare.onnx", "a model for other programs"),
        ("rnntui export shakespeare --single-file shakespeare.py", "a program that needs numpy alone"),
    ),
    "score": (
        ('rnntui score --run shakespeare "To be, or not to be"', "the log-probability of a line"),
        ("rnntui score --json < lines.txt", "of each line, as JSON"),
    ),
    "serve": (
        ("rnntui serve --run shakespeare --port 8080", "one model for programs on this machine"),
        ("rnntui serve --app", "the app in a browser"),
    ),
    "completion": (
        ('eval "$(rnntui completion bash)"', "complete commands, flags and runs in this shell"),
        ("rnntui completion fish > ~/.config/fish/completions/rnntui.fish", "in all fish shells from now on"),
    ),
}
"""Two or more command lines for each command, each with what it does."""


def examples_epilog(command: str) -> str:
    """Return the examples of a command, a line of explanation and the command line each, unwrapped by click."""
    lines = [f"\b\n  {line}\n      {text}" for line, text in EXAMPLES.get(command, ())]
    return "Examples:\n\n" + "\n\n".join(lines) if lines else ""
