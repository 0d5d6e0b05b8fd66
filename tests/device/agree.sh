#!/usr/bin/env bash
# One model in llama.cpp on the processor and in transformers on the accelerator, over the same bytes: records, audit of tokens,
# a second run that is compared, run cards. By hand on a machine with an accelerator, from the root of the repository, offline:
#   tests/device/agree.sh FOLDER_WITH_A_GGUF PYTHON_WITH_BOTH_ENGINES OUT CHECKPOINT [SUITE]
set -u
model="$1" python="$2" out="$3" checkpoint="$4" suite="${5:-arithmetic}"
here="${TMPDIR:-/tmp}/agree"
mkdir -p "$here" "$out"
hanse() { "$python" -m hanse "$@"; }
gpu=(--engine transformers --python "$python") cpu=(--engine xllamacpp --python "$python")
(time hanse evaluate "$model" --suite "$suite" --to "$here/llama" "${cpu[@]}" --as bremen.example) >"$out/llama.txt" 2>&1 &
(time hanse evaluate "$model" --suite "$suite" --to "$here/torch" "${gpu[@]}" --as hamburg.example \
  --run-card --price-per-hour 2.50 --anchor "$python") >"$out/torch.txt" 2>&1
wait
{
  hanse compare "$here/llama" "$here/torch"
  echo "== V2: tokens of llama.cpp, forced on the accelerator"
  time hanse reproduce "$here/llama" "$model" --level V2 --to "$here/v2" "${gpu[@]}" --items 100 --checkpoint "$checkpoint"
  echo "== V2: tokens of the accelerator, forced in llama.cpp"
  time hanse reproduce "$here/torch" "$model" --level V2 --to "$here/v2b" "${cpu[@]}" --items 100 --checkpoint "$checkpoint"
  echo "== V3: a run on the accelerator reproduces the one of llama.cpp"
  time hanse reproduce "$here/llama" "$model" --level V3 --to "$here/v3" "${gpu[@]}" --json
} >"$out/checks.txt" 2>&1
tar -C "$here" -czf "$out/runs.tar.gz" --exclude=journal.jsonl .
tail -n 40 "$out/checks.txt"
