"""The child's side of the conversation that bench/contender.ts describes."""

import json
import sys
import time


def answer(**value):
    print(json.dumps(value), flush=True)


def peak_megabytes():
    """The largest resident size of this process in MB (10^6 bytes)."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def torch_version(torch):
    """PyTorch's version and the matrix library that it was linked with, which decides how fast its Linear is."""
    torch.ones(64, 64) @ torch.ones(64, 64)
    libraries = set()
    try:
        with open("/proc/self/maps") as maps:
            names = (line.split()[-1].rsplit("/", 1)[-1] for line in maps)
            libraries = {name for name in names if "blas" in name or "mkl_core" in name}
    except OSError:
        pass
    built_with = torch.__config__.show()
    if "BLAS_INFO=mkl" in built_with:
        libraries.add("MKL")
    # Debian's libblas.so.3 is the reference implementation unless another one is chosen in its place.
    named = ", ".join("reference BLAS" if name.startswith("libblas.so") else name for name in sorted(libraries))
    one_dnn = "oneDNN" if torch.backends.mkldnn.is_available() else "no oneDNN"
    return f"{torch.__version__} ({named or 'built-in BLAS'}, {one_dnn})"


def serve(prepare):
    """prepare(torch, options) returns the call to time and what to tell about itself. torch is imported here: without it the contender is missing."""
    options = json.loads(sys.stdin.readline())
    try:
        import torch
    except ImportError:
        answer(missing="PyTorch is not installed")
        return
    torch.set_num_threads(options["threads"])
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    call, facts = prepare(torch, options)
    answer(ready={"version": torch_version(torch), **facts})
    for line in sys.stdin:
        request = json.loads(line)
        if "memory" in request:
            answer(peakMegabytes=peak_megabytes())
            continue
        milliseconds = []
        for _ in range(request["run"]):
            started = time.perf_counter()
            call()
            milliseconds.append(1000 * (time.perf_counter() - started))
        answer(milliseconds=milliseconds)
