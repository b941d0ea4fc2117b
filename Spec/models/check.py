"""Explores every model, and every mutant of it, which must fail: `python3 Spec/models/check.py`."""
import sys

import close
import handshake
import rotation
import simultaneous_open
from explorer import explore


def main():
    passed = failed = 0
    for module in (handshake, rotation, close, simultaneous_open):
        model = module.Model
        streams = {"close": (True,), "simultaneous open": (False,)}.get(model.name, (True, False))
        for stream in streams:
            result = explore(model(stream))
            kind = "stream" if stream else "datagrams"
            print("%-18s %-10s %7d states  %s" % (model.name, kind, result.states, "good" if result.good else "BAD"))
            passed, failed = passed + result.good, failed + (not result.good)
            if not result.good:
                worst = next(iter(result.wrongs.values()), None) or min(result.dead, key=lambda s: len(result.path(s)))
                print("   ", dict.fromkeys(result.wrongs) or "dead end", *result.path(worst), sep="\n      ")
        for mutant in model.mutants:
            caught = []
            for stream in streams:
                result = explore(model(stream, mutant))
                if not result.good:
                    what = next(iter(result.wrongs), "dead end")
                    caught.append("%s on %s" % (what, "stream" if stream else "datagrams"))
            print("%-18s mutant %-16s %s" % (model.name, mutant, "caught: " + "; ".join(caught) if caught else "SURVIVES"))
            passed, failed = passed + bool(caught), failed + (not caught)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
