"""How many product texts a second does the language model read? ``python bench/texts.py --devices cpu,cuda``

Reads the first ``--texts`` texts of one data set (``--data beauty``) on each device, after a few that are not
counted, and says how far the vectors of the devices are apart. ``--model`` is a name or a folder as in the
settings. Prints a line for each and writes bench/results/texts-DEVICES.json.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from data import load
from penchant.adapters.sentence_encoder import SHIPPED, load_sentence_encoder
from precision import processor

RESULTS = Path(__file__).parent / "results"
UNCOUNTED = 256


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="beauty")
    add("--model", default=SHIPPED)
    add("--devices", default="cpu")
    add("--batches", default="64", help="texts at once, such as 64,512")
    add("--texts", type=int, default=2_000)
    add("--threads", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    texts = [text for text in load(options.data).texts if text]
    first = None
    rows = []
    for device in options.devices.split(","):
        for batch in map(int, options.batches.split(",")):
            encoder = load_sentence_encoder(
                options.model, batch=batch, threads=options.threads, device=device
            )
            encoder.encode(texts[:UNCOUNTED])
            asked = texts[: options.texts]
            start = time.perf_counter()
            vectors = encoder.encode(asked)
            seconds = time.perf_counter() - start
            first = vectors if first is None else first
            apart = float(np.abs(vectors - first).max())
            name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()
            rows.append(
                {
                    "device": device,
                    "name": name,
                    "batch": batch,
                    "texts": len(asked),
                    "texts_per_second": round(len(asked) / seconds, 1),
                    "largest_difference": apart,
                }
            )
            print(
                f"{device} ({name}), {batch} at once: {len(asked) / seconds:,.0f} texts a second; "
                f"vectors at most {apart:.1e} from those of the first row",
                flush=True,
            )
    result = {
        "data": options.data,
        "model": options.model,
        "threads": options.threads,
        "torch": torch.__version__,
        "rows": rows,
    }
    path = RESULTS / f"texts-{options.devices.replace(',', '-')}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
