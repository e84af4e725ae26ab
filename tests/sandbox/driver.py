"""Run attack rows in a process of its own: reads one JSON order from stdin, prints one JSON line per row.

So the same rows can be run as another user or under a Docker-like profile: see test_attacks.py.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sandbox import Limits, Pool


def main() -> None:
    if "--hello" in sys.argv:
        print("hello")
        return
    order = json.load(sys.stdin)
    limits = Limits(wall_seconds=order["seconds"], memory_bytes=256 << 20)
    with Pool(isolation=order["isolation"], prewarm=()) as pool:
        for name, code in order["rows"].items():
            began = time.monotonic()
            ran = pool.run(code.encode("utf-8", "surrogatepass"), limits=limits)
            seconds = time.monotonic() - began
            again = pool.run("import os; print(os.listdir('.'), os.stat('.').st_mode & 0o777)").stdout
            found = {
                "name": name,
                "status": ran.status.value,
                "seconds": seconds,
                "isolation": ran.isolation,
                "again": again,
            }
            print(json.dumps(found | {"output": ran.stdout + ran.stderr, "reason": ran.reason}), flush=True)


if __name__ == "__main__":
    main()
