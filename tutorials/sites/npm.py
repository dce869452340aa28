"""Files of npm packages, which the pages need beside them: fetched once, kept in `build/npm`."""

import shutil
import subprocess
import tarfile
from pathlib import Path

KEPT = Path(__file__).parents[2] / "build" / "npm"


def fetch(package, paths, folder):
    """Copy files or folders of a package, such as "mathjax@3", into a folder, as they lie in it."""
    unpacked = KEPT / package
    if not unpacked.is_dir():
        KEPT.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=KEPT, check=True, stdout=subprocess.PIPE
        )
        archive = KEPT / run.stdout.decode().split()[-1]
        partial = KEPT / f"{package}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with tarfile.open(archive) as files:
            for path in paths:
                members = [m for m in files if within(m.name, f"package/{path}")]
                files.extractall(partial, members, filter="data")
        (partial / "package").rename(unpacked)
        partial.rmdir()
        archive.unlink()
    for path in paths:
        source, copy = unpacked / path, Path(folder) / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, dirs_exist_ok=True)
        else:
            shutil.copy(source, copy)


def within(name, path):
    """Whether a file of an archive is the path, or lies below it."""
    return name == path or name.startswith(f"{path}/")
