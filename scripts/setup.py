"""Makes a fresh clone ready: a virtual environment with pinned packages, and the built front end.

``python3 scripts/setup.py run|dev``. Does only what the content of the files asks for: a moment when nothing changed.
Runs on whatever python3 there is; an old one looks for a newer one, or says in one sentence what to install.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
FRONTEND = os.path.join(ROOT, "dashboard", "frontend")
STATIC = os.path.join(ROOT, "dashboard", "static")
OLDEST = (3, 11)


def main(kind):
    if sys.version_info < OLDEST and not os.path.exists(python()):
        newer()
    with open(os.path.join(ROOT, ".stamp-lock"), "w") as lock:  # two makes in one clone wait for each other
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment()
        packages(kind)
        assets()


def python():
    return os.path.join(VENV, "bin", "python")


def newer():
    """Starts again on a newer Python, if there is one."""
    for minor in (14, 13, 12, 11):
        path = shutil.which(f"python3.{minor}")
        if path:
            os.execv(path, [path, *sys.argv])  # noqa: S606
    this = ".".join(map(str, sys.version_info[:2]))
    sys.exit(f"Playhead needs Python 3.11 or newer, this is {this}: apt install python3.11 python3.11-venv")


def environment():
    if os.path.exists(python()):
        return
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit("This Python comes without venv; install it and run make again: apt install python3-venv")
    say("making .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV])


def packages(kind):
    name = "requirements-dev.txt" if kind == "dev" else "requirements.txt"
    stamp, now = os.path.join(VENV, f".stamp-{kind}"), digest([os.path.join(ROOT, name)])
    if read(stamp) == now:
        return
    say(f"installing the packages of {name} (once, a minute or two)")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    run([python(), "-m", "pip", "install", *quiet, "--require-hashes", "-r", os.path.join(ROOT, name)])
    write(stamp, now)


def assets():
    lock = os.path.join(FRONTEND, "package-lock.json")
    if not os.path.exists(lock):
        return
    modules, stamp = os.path.join(FRONTEND, "node_modules"), os.path.join(ROOT, ".stamp-assets")
    locked = digest([lock, os.path.join(FRONTEND, "package.json")])
    if read(os.path.join(modules, ".stamp")) != locked:
        say("installing the front end's packages (once)")
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        write(os.path.join(modules, ".stamp"), locked)
    now = digest([lock, *sources()])
    if read(stamp) != now or not os.path.isdir(STATIC) or not os.listdir(STATIC):
        say("building the front end")
        npm("run", "--silent", "build")
        write(stamp, now)


def npm(*words):
    path = os.path.join(VENV, "bin") + os.pathsep + os.environ.get("PATH", "")
    run([os.path.join(VENV, "bin", "npm"), *words], cwd=FRONTEND, env=dict(os.environ, PATH=path))


def sources():
    skip = {"node_modules", "tests"}
    for where, directories, names in os.walk(FRONTEND):
        directories[:] = sorted(d for d in directories if d not in skip)
        for name in sorted(names):
            yield os.path.join(where, name)


def digest(paths):
    total = hashlib.sha256()
    for path in paths:
        total.update(os.path.relpath(path, ROOT).encode() + b"\0" + open(path, "rb").read() + b"\0")  # noqa: SIM115
    return total.hexdigest()


def run(command, **kw):
    code = subprocess.run(command, stdin=subprocess.DEVNULL, **kw).returncode
    if code:
        sys.exit(f"Setting up failed: {os.path.basename(command[0])} ended with {code}; its lines above say why.")


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def say(text):
    print("Setting up: " + text, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "run")
    except KeyboardInterrupt:
        sys.exit(130)
