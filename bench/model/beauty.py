"""Leave-one-out on Amazon Beauty: ``python bench/model/beauty.py [--cache DIR] [--set dropout=0.5]``."""

import numpy as np
from common import arguments, leave_one_out, shown, write
from data import beauty, text_vectors

from penchant.model.training import train


def main() -> None:
    options, settings = arguments(__doc__)
    histories, texts = beauty()
    text = text_vectors(texts, options.cache and options.cache / "beauty.npy")
    ends = histories.offsets[1:]
    known = np.ones(histories.events, bool)
    known[ends - 1] = False
    training = histories.keep(known)
    model = train(training, text, settings, n_items=len(texts), on_progress=shown())
    result = {"dataset": "amazon-beauty", **model.report, "settings": settings.to_dict()}
    result["test"] = leave_one_out(model, histories, ends - 1, training)
    write("beauty", result)


if __name__ == "__main__":
    main()
