#!/usr/bin/env python3
"""`sechan pipe` beside spiped and stunnel: bytes through a pair of processes over loopback TCP.

    Benchmarks/tunnels.py SECHAN [--megabytes 256] [--rounds 5] [--output FOLDER]

Every tunnel in turn in every round, so that what disturbs one disturbs all. A thread writes, another reads; throughput
is by the wall, and processor time is that of the two tunnel processes. A tunnel that is not installed is left out, and
named. `sechan pipe` has pipes at its outer ends where the others have sockets: each is used as it is meant to be.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

CHUNK = bytes(1 << 18)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    """Until somebody listens; looks without connecting, since a tunnel may serve its first client only."""
    needle = f":{port:04X} "
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tables = "".join(pathlib.Path(path).read_text() for path in ("/proc/net/tcp", "/proc/net/tcp6"))
        if any(needle in line and " 0A " in line for line in tables.splitlines()):
            return
        time.sleep(0.02)
    raise SystemExit(f"tunnels: nobody listens on port {port}")


def processor_seconds(process):
    """What a process has used so far: the 14th and 15th field of its stat file, in ticks."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Tunnel:
    """Two processes, and two file descriptors at their outer ends."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []

    def start(self, *command, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
        process = subprocess.Popen(command, **options)
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Sechan(Tunnel):
    def __init__(self, folder, program):
        super().__init__(folder)
        self.program = program

    def keys(self):
        for name in ("client", "server"):
            path = self.folder / name
            if not path.exists():
                subprocess.run([self.program, "keygen", "-q", path], check=True, stdout=subprocess.DEVNULL)
            with open(self.folder / f"{name}.pub", "w") as file:
                subprocess.run([self.program, "pubkey", path], check=True, stdout=file)

    def open(self):
        self.keys()
        port = free_port()
        address = f"tcp://127.0.0.1:{port}"
        server = self.start(
            self.program, "pipe", "--listen", address, "--identity", self.folder / "server", "--allow",
            self.folder / "client.pub", "-q", stdout=subprocess.PIPE)
        wait_for(port)
        client = self.start(
            self.program, "pipe", address, "--identity", self.folder / "client", "--peer",
            self.folder / "server.pub", "-q", stdin=subprocess.PIPE)
        return client.stdin.fileno(), server.stdout.fileno()


class SocketTunnel(Tunnel):
    """A tunnel that listens on a port and connects to another."""

    def open(self):
        sink = socket.create_server(("127.0.0.1", 0))
        middle, front = free_port(), free_port()
        self.launch(front, middle, sink.getsockname()[1])
        self.source = socket.create_connection(("127.0.0.1", front))
        sink.settimeout(20)
        self.drain, _ = sink.accept()
        self.drain.setblocking(True)
        return self.source.fileno(), self.drain.fileno()

    def stop(self):
        super().stop()
        self.source.close()
        self.drain.close()


class Spiped(SocketTunnel):
    def launch(self, front, middle, back):
        key = self.folder / "spiped.key"
        if not key.exists():
            key.write_bytes(os.urandom(32))
        for kind, source, target in (("-d", middle, back), ("-e", front, middle)):
            self.start("spiped", "-F", kind, "-s", f"[127.0.0.1]:{source}", "-t", f"[127.0.0.1]:{target}", "-k", key)
            wait_for(source)


class Stunnel(SocketTunnel):
    def launch(self, front, middle, back):
        for name in ("client", "server"):
            if not (self.folder / f"{name}.pem").exists():
                subprocess.run(
                    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "2", "-subj", f"/CN={name}", "-keyout", self.folder / f"{name}.key", "-out",
                     self.folder / f"{name}.pem"], check=True, stderr=subprocess.DEVNULL)
        sides = (("server", "client", "no", middle, back), ("client", "server", "yes", front, middle))
        for own, other, is_client, source, target in sides:
            configuration = self.folder / f"stunnel-{own}.conf"
            configuration.write_text(
                f"foreground = yes\npid =\nsslVersion = TLSv1.3\n[tunnel]\nclient = {is_client}\n"
                f"accept = 127.0.0.1:{source}\nconnect = 127.0.0.1:{target}\ncert = {self.folder}/{own}.pem\n"
                f"key = {self.folder}/{own}.key\nCAfile = {self.folder}/{other}.pem\nverifyPeer = yes\n"
                "ciphersuites = TLS_AES_256_GCM_SHA384\n")
            self.start("stunnel4", configuration)
            wait_for(source)


def pump(tunnel, count):
    """Sends `count` bytes through; returns seconds by the wall and of the tunnel's processors."""
    source, drain = tunnel.open()

    def write(left):
        while left > 0:
            left -= os.write(source, memoryview(CHUNK)[:left])

    def read(left):
        while left > 0:
            got = len(os.read(drain, min(left, 1 << 18)))
            if got == 0:
                raise SystemExit("tunnels: a tunnel ended early")
            left -= got

    def carry(size):
        writer = threading.Thread(target=write, args=(size,), daemon=True)
        writer.start()
        read(size)
        writer.join()

    carry(1 << 20)  # the handshake, and buffers that grow once
    used = sum(map(processor_seconds, tunnel.processes))
    begun = time.monotonic()
    carry(count)
    return time.monotonic() - begun, sum(map(processor_seconds, tunnel.processes)) - used


def measure(options):
    subjects = {"sechan pipe": lambda folder: Sechan(folder, options.sechan)}
    for name, program, kind in (("spiped", "spiped", Spiped), ("stunnel", "stunnel4", Stunnel)):
        if shutil.which(program):
            subjects[name] = kind
        else:
            print(f"{name}: left out, it is not installed (Debian's package {program})")
    count = options.megabytes * 1_000_000
    results = {name: {"wall": [], "processor": []} for name in subjects}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for name, make in subjects.items():
                tunnel = make(pathlib.Path(folder))
                try:
                    wall, processor = pump(tunnel, count)
                finally:
                    tunnel.stop()
                results[name]["wall"].append(count / wall / 1e9)
                results[name]["processor"].append(count / max(processor, 0.01) / 1e9)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sechan")
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    results = measure(options)
    print(f"{'tunnel':<14}{'GB/s by the wall':>28}{'GB for a processor second':>32}")
    for name, result in results.items():
        columns = [
            f"{statistics.median(values):.3f} [{min(values):.3f}..{max(values):.3f}]" for values in result.values()]
        print(f"{name:<14}{columns[0]:>28}{columns[1]:>32}")
    ours = results["sechan pipe"]["wall"]
    targets = {"spiped": ">= 1.5 (2.5 wanted)", "stunnel": ">= 0.7 (1.0 wanted)"}
    for name in results.keys() & targets.keys():
        ratio = statistics.median(left / right for left, right in zip(ours, results[name]["wall"]))
        print(f"sechan pipe / {name}: {ratio:.2f} x, round by round; target {targets[name]}")
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "tunnels.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
