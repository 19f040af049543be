"""Time pyfixest on the panel of an .npz file, after a warm-up: with its defaults, and with nothing stored."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pyfixest as pf

WAYS = {"pyfixest feols": {}, "pyfixest feols, lean": {"lean": True, "copy_data": False, "store_data": False}}


def main() -> None:
    """Print seconds, value and standard error of each way as JSON."""
    warnings.simplefilter("ignore")
    with np.load(sys.argv[1]) as held:
        frame = pd.DataFrame({name: held[name] for name in held.files})
    out = {}
    for name, options in WAYS.items():
        for _ in range(2):
            started = time.perf_counter()
            made = pf.feols("y ~ d + x | unit + time", frame, vcov={"CRV1": "unit"}, **options)
            seconds = time.perf_counter() - started
        out[name] = [seconds, float(made.coef()["d"]), float(made.se()["d"])]
    print(json.dumps(out))


if __name__ == "__main__":
    main()
