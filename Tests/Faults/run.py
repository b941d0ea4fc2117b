#!/usr/bin/env python3
"""Shows that the tests can fail: builds the engine once with each fault of faults.json in it and runs the suites that
should notice. Prints a table; ends with 1 when a fault survives, or when the engine without a fault fails.

    Tests/Faults/run.py [PART OF A NAME]
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TEST_SECONDS = 300


def mirror(directory):
    """A copy of what the engine's tests need; the published vectors are found beside the real package."""
    for name in ["Sources/SCP", "Sources/CGcrypt", "Sources/CGcryptShims", "Sources/SCPGcrypt",
                 "Sources/SCPSimulation", "Tests/CAllocationCount", "Tests/SCPMisbehaviours",
                 "Tests/SCPRepeatableMLKEM", "Tests/SCPTests",
                 "Tests/SCPSimulationTests",
                 "Spec/Vectors"]:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", str(ROOT / name), str(target)], check=True)
    (directory / "Package.swift").write_text((HERE / "Package.swift").read_text())


def build(directory):
    return subprocess.run(["swift", "build", "--build-tests", "--package-path", str(directory)],
                          capture_output=True, text=True)


def test(directory, suites):
    """Whether the suites pass, how many tests failed, and the name of one."""
    command = ["swift", "test", "--skip-build", "--disable-xctest", "--package-path", str(directory),
               "--filter", suites]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TEST_SECONDS)
    except subprocess.TimeoutExpired:
        return False, 0, f"no end within {TEST_SECONDS} s"
    said = done.stdout + done.stderr
    if re.search(r"Test run with 0 tests", said):
        sys.exit(f"no test is called {suites}")
    failed = re.findall(r'^✘ Test (?!run)(.+?) (?:with \d+ test cases )?failed after', said, re.M)
    if done.returncode != 0 and not failed:
        return False, 1, "the process ended"
    return done.returncode == 0, len(failed), failed[0] if failed else ""


def main():
    faults = json.loads((HERE / "faults.json").read_text())
    chosen = [fault for fault in faults if len(sys.argv) < 2 or sys.argv[1] in fault["name"]]
    survived = []
    with tempfile.TemporaryDirectory(prefix="scp-faults-") as name:
        directory = pathlib.Path(name) / "swift-scp"
        mirror(directory)
        shared = ROOT.parent / "shared"
        if shared.exists():
            (directory.parent / "shared").symlink_to(shared)
        if (built := build(directory)).returncode != 0:
            sys.exit("the engine without a fault does not build:\n" + built.stdout[-3000:])
        suites = "|".join(sorted({suite for fault in chosen for suite in fault["tests"].split("|")}))
        passes, _, failed = test(directory, suites)
        if not passes:
            sys.exit(f"the engine without a fault fails: {failed}")
        print(f"without a fault: all suites pass; {len(chosen)} faults follow", flush=True)
        for number, fault in enumerate(chosen, 1):
            begun = time.monotonic()
            path = directory / fault["file"]
            text = path.read_text()
            if text.count(fault["from"]) != 1:
                sys.exit(f"{fault['name']}: its text is not in {fault['file']} exactly once")
            path.write_text(text.replace(fault["from"], fault["to"]))
            built = build(directory)
            if built.returncode != 0:
                errors = "\n".join(line for line in built.stdout.splitlines() if "error:" in line)
                sys.exit(f"{fault['name']}: does not build:\n{errors}")
            passes, count, example = test(directory, fault["tests"])
            path.write_text(text)
            if passes:
                survived.append(fault["name"])
            verdict = "SURVIVED" if passes else "caught"
            by = "" if passes else f"{count:3d} tests, such as {example}"
            print(f"{number:2d}  {verdict:8}  {fault['name']:60}  {by}  ({time.monotonic() - begun:.0f} s)",
                  flush=True)
    print(f"faults: {len(chosen) - len(survived)} caught, {len(survived)} survived")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
