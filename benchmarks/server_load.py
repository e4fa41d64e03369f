"""How the server answers under load: requests a second, latency, errors, and whether memory stays.

    python -m benchmarks.server_load --seconds 60

It starts `app serve`, has wrk (apt-get install wrk) send it one request after another over 1, 8
and 64 connections, and prints a row each: pictures to be decoded, and tensors by the inference
protocol. Both share this machine's cores, so a server with them to itself answers more. Memory is
the server's resident set, at the end of a row's first tenth and at its end.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from app.server import inference_protocol as protocol
from spotimes import command
from spotimes.classifier import Classifier
from spotimes.errors import InputError
from spotimes.picture import load

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models/model_int8.tflite"
PICTURE = ROOT / "data/samples/cat.png"
CONNECTIONS = (1, 8, 64)
SCRIPT = """
local file = io.open({body}, "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
{headers}
function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{{"requests": %d, "microseconds": %d, "refused": %d, "failed": %d, "p50": %f, "p99": %f}}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def main() -> None:
    """Measures each kind of request over each number of connections; prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="a row (60)")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="what is sent")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise InputError("wrk is not there: apt-get install wrk")
    if not arguments.picture.is_file():
        raise InputError(f"{arguments.picture}: no such file; make repro makes data/samples")
    requests = {
        "picture": ("/predict", arguments.picture.read_bytes(), {}),
        "tensor": _tensor(arguments.picture),
    }
    columns = ("request", "connections", "requests/s", "p50, ms", "p99, ms", "4xx, 5xx", "failed")
    print(f"| {' | '.join(columns)} | memory, MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = [(name, connections) for name in requests for connections in CONNECTIONS]
    for name, connections in tqdm(rows, unit="row", file=sys.stderr):
        path, body, headers = requests[name]
        found = measured(path, body, headers, connections, arguments.seconds)
        print(
            f"| {name} | {connections} | {found['rate']:,.0f} | {found['p50'] / 1e3:.2f} "
            f"| {found['p99'] / 1e3:.2f} | {found['refused']} | {found['failed']} "
            f"| {found['memory_early']:.0f} to {found['memory_late']:.0f} |",
            flush=True,
        )


def measured(
    path: str, body: bytes, headers: dict[str, str], connections: int, seconds: int
) -> dict[str, Any]:
    """Loads a server of its own; wrk's figures, latencies in microseconds, memory in MiB."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--port", "0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip().rstrip("/")
            (Path(folder) / "body").write_bytes(body)
            script = Path(folder) / "script.lua"
            lines = [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
            script.write_text(
                SCRIPT.format(body=json.dumps(f"{folder}/body"), headers="\n".join(lines))
            )
            process = psutil.Process(server.pid)
            with subprocess.Popen(
                ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url + path],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as wrk:
                time.sleep(max(1, seconds / 10))
                early = process.memory_info().rss
                _, figures = wrk.communicate()
            late = process.memory_info().rss
        finally:
            server.terminate()
    found: dict[str, Any] = json.loads(figures)
    return found | {
        "rate": found["requests"] / found["microseconds"] * 1e6,
        "memory_early": early / 2**20,
        "memory_late": late / 2**20,
    }


def _tensor(picture: Path) -> tuple[str, bytes, dict[str, str]]:
    contract = Classifier(MODEL).contract
    pixels = load(
        picture, str(picture), contract.height, contract.width, contract.colour, contract.resize
    )
    tensor = {
        "name": protocol.INPUT,
        "datatype": "UINT8",
        "shape": [1, *pixels.shape],
        "parameters": {"binary_data_size": pixels.size},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {protocol.HEADER_LENGTH: str(len(head))}
    return f"/v2/models/{MODEL.stem}/infer", head + pixels.tobytes(), headers


if __name__ == "__main__":
    command.run("server_load", main)
