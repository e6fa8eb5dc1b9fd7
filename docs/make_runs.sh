#!/bin/sh
# Trains the models of chapters 7 to 9 into docs/runs: about five minutes on one core.
set -e
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1
folder=$(mktemp -d)
python docs/make_pairs.py --folder "$folder"

pairs() { # name, file, attention
    rnntui train-seq2seq "$folder/$2.tsv" --name "$1" --checkpoints "$folder/runs" --attention "$3" --cell rnn \
        --tokenizer char --hidden 32 --encoder-hidden 16 --embedding 16 --dropout 0 --label-smoothing 0 \
        --learning-rate 0.01 --weight-average 0 --batch-size 32 --steps 500 --evaluations 2 --bleu-pairs 50 --threads 1
}
pairs copy copy general
pairs reverse reverse general
pairs reverse-dot reverse dot
pairs reverse-additive reverse additive
pairs reverse-plain reverse none
rnntui train corpora/names.txt --name names --checkpoints "$folder/runs" --hidden 48 --layers 1 --embedding 16 \
    --ngram-prior 0 --learning-rate 0.01 --batch-size 32 --bptt 32 --steps 1000 --evaluations 3 --threads 1

mkdir -p docs/runs
for run in "$folder"/runs/*; do
    target="docs/runs/$(basename "$run")"
    rm -rf "$target"
    mkdir "$target"
    for file in config.json status.json metrics.jsonl tokenizer.json model.safetensors; do
        cp "$run/$file" "$target/"
    done
done
rm -rf "$folder"
