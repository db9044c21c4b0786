"""Do bfloat16 and torch.compile make a training step quicker on this processor? ``python bench/precision.py``

Trains the default model on one data set in several ways at once, one step of each in turn, so that whatever
else the machine does meets all of them: as the product does, with the forward pass under bfloat16 autocast,
with the encoder compiled, and both. Prints what a step takes (median), its ratio to the plain one (median of
the pairs) and the mean loss, and writes bench/results/precision-PROCESSOR.json.
"""

import argparse
import json
import platform
import re
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from data import Data, load
from penchant.model.settings import ModelSettings
from penchant.model.training import Trainer

RESULTS = Path(__file__).parent / "results"
PLAIN = "float32"
WAYS = {PLAIN: (False, False), "bfloat16": (True, False), "compiled": (False, True), "both": (True, True)}
"""Name → (autocast, compile)."""
WIDTH = 384
"""Of the made-up text vectors: how long a step takes does not depend on what they say."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="beauty")
    add("--steps", type=int, default=60, help="of each way, after as many that are not counted")
    add("--threads", type=int, default=1)
    add("--encoder", default="recurrent")
    add("--dim", type=int, default=64)
    return parser.parse_args()


def steps(data: Data, options: argparse.Namespace, cast: bool, compiled: bool):
    """(seconds, loss) of one step after the other."""
    settings = ModelSettings(encoder=options.encoder, threads=options.threads, dim=options.dim)
    text = np.random.default_rng(0).normal(size=(len(data.texts), WIDTH)).astype(np.float32)
    torch.manual_seed(0)
    trainer = Trainer(data.histories, text, settings, len(data.texts), None, prices=data.prices)
    if compiled:
        trainer.net.encoder.compile(dynamic=True)
    trainer.net.train()
    while True:
        losses = trainer._losses()
        while True:
            start = time.perf_counter()
            # A generator reads the context of whoever asks it for the next value.
            with torch.autocast("cpu", torch.bfloat16) if cast else nullcontext():
                loss = next(losses, None)
            if loss is None:
                break
            yield time.perf_counter() - start, loss


def processor() -> str:
    """What the machine calls its processor, and what torch finds in it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    inside = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name or platform.processor()} ({', '.join(inside)})"


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    data = load(options.data)
    ways = {name: steps(data, options, *how) for name, how in WAYS.items()}
    for _ in range(options.steps):
        for way in ways.values():
            next(way)
    rows = [[next(way) for way in ways.values()] for _ in range(options.steps)]
    found = np.array(rows)  # (steps, ways, 2)
    ratios = found[:, :, 0] / found[:, :1, 0]
    result = {
        "processor": processor(),
        "torch": torch.__version__,
        "settings": vars(options),
        "ways": {
            name: {
                "ms": round(1000 * float(np.median(found[:, n, 0])), 2),
                "ratio": round(float(np.median(ratios[:, n])), 3),
                "loss": round(float(found[:, n, 1].mean()), 4),
            }
            for n, name in enumerate(ways)
        },
    }
    short = re.sub(r"[^a-z0-9]+", "-", processor().split("(")[0].lower()).strip("-")
    path = RESULTS / f"precision-{short}-{options.encoder}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{result['processor']}, torch {torch.__version__}, {options.encoder}, {options.dim} dimensions")
    print(f"{'':10} {'ms a step':>10} {'of float32':>11} {'loss':>8}")
    for name, row in result["ways"].items():
        print(f"{name:10} {row['ms']:10.1f} {row['ratio']:11.2f} {row['loss']:8.4f}")


if __name__ == "__main__":
    main()
