"""Compares a server of examples/tiny-llama with `transformers` on the same model directory.

usage: check-transformers.py MODEL_DIR URL

For each prompt the 32 greedy tokens must be equal, and the logprobs of the prompt's and of the chosen tokens, and of the
20 likeliest at each position, within 1e-2. Needs torch and transformers; computes in float32 on the CPU. Exit 0 or 1.
"""

import json
import sys
import urllib.request

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MAX_TOKENS = 32
BOUND = 1e-2
PROMPTS = [
    "# Installation\n\nnpm install",
    "The function returns ",
    "Grüße, Welt – 你好 🎉 <s> and </s>",
    "import { a } from './a.js';\nexport const b",
    "a",
    "## License\n\nMIT © 2024 The authors. Permission is hereby granted, free of charge, to any person",
]


def complete(url, ids):
    """The server's answer to a prompt of token ids, with the prompt's own logprobs."""
    body = {"prompt": ids, "max_tokens": MAX_TOKENS, "temperature": 0, "logprobs": 20, "echo": True, "ignore_eos": True, "return_tokens_as_token_ids": True}
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["choices"][0]["logprobs"]


def token_id(name):
    return int(name.removeprefix("token_id:"))


def greedy(model, ids):
    """32 tokens without a cache, so that nothing but the plain forward pass is compared; and all logprobs."""
    ids = list(ids)
    for _ in range(MAX_TOKENS):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0]
        ids.append(int(logits[-1].argmax()))
    with torch.no_grad():
        return ids, torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), dim=-1)


def main(folder, url):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    print(f"{type(tokenizer).__name__}, {type(model).__name__}, {sum(p.numel() for p in model.parameters())} parameters")
    print(f"{'prompt':32} {'tokens':>6} {'bytes':>5} {'round trip':>10} {'greedy equal':>12} {'max error of':>12} {'top 20':>9}")
    ok = True
    for prompt in PROMPTS:
        ids = tokenizer(prompt)["input_ids"]
        bytewise = ids == list(prompt.encode())
        round_trip = tokenizer.decode(ids) == prompt
        said = complete(url, ids)
        expected, logprobs = greedy(model, ids)
        got = [token_id(name) for name in said["tokens"]]
        same = sum(a == b for a, b in zip(got[len(ids):], expected[len(ids):]))
        chosen, top = 0.0, 0.0
        # The context is the same up to and including the first divergence.
        for position in range(1, len(got)):
            if got[:position] != expected[:position]:
                break
            at = logprobs[position - 1]
            chosen = max(chosen, abs(said["token_logprobs"][position] - float(at[got[position]])))
            top = max([top, *(abs(value - float(at[token_id(name)])) for name, value in said["top_logprobs"][position].items())])
        good = bytewise and round_trip and same == MAX_TOKENS and chosen <= BOUND and top <= BOUND
        ok = ok and good
        print(f"{prompt[:30]!r:32.32} {len(ids):6} {'yes' if bytewise else 'NO':>5} {'yes' if round_trip else 'NO':>10} {f'{same}/{MAX_TOKENS}':>12} {chosen:12.2e} {top:9.2e}{'' if good else '  FAILED'}")
    print("ok" if ok else f"failed: something differs, or by more than {BOUND}")
    return 0 if ok else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1], sys.argv[2].rstrip("/")))
