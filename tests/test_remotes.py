"""Data travel through S3: a bucket on this machine, nothing of the outside world."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tiny
from brightfield import layout
from brightfield.data import store
from brightfield.stages import simulate
from brightfield.system import lineage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BIN = Path(sys.executable).parent
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
NAME = "denoise"

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command with credentials that no other server takes."""
    empty = tmp_path / "aws"
    empty.touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and "proxy" not in k.lower()}
    environment |= {**CREDENTIALS, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "GIT_CONFIG_GLOBAL": os.devnull}
    environment |= {
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
    }
    environment |= {
        "HOME": str(tmp_path / "home"),
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        "DVC_NO_ANALYTICS": "1",
    }

    def call(folder: Path, *command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return call


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An S3 server on a free port of this machine, with one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="lab")
        yield url
    finally:
        server.stop()


def contents(folder: Path) -> dict[str, str]:
    """The digest of every file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_images_travel_through_s3_byte_for_byte(project: Path, tmp_path: Path, run: Run, endpoint: str) -> None:
    simulate.run(NAME)
    run(project, "git", "init", "--quiet")
    run(project, "dvc", "init", "--quiet")
    run(project, "dvc", "add", "--quiet", str(layout.raw(NAME)))
    run(project, "dvc", "remote", "add", "--default", "lab", "s3://lab/brightfield")
    run(project, "dvc", "remote", "modify", "lab", "endpointurl", endpoint)
    run(project, "git", "add", "--all")
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    run(project, "git", *author, "commit", "--quiet", "--message", "data")
    assert "new:" in run(project, "dvc", "status", "--cloud")  # the bucket lacks what is new here
    run(project, "dvc", "push")
    before = contents(project / layout.raw(NAME))
    assert {"images.h5", "index.csv", "about.json"} <= before.keys()

    clone = tmp_path / "elsewhere"
    run(tmp_path, "git", "clone", "--quiet", str(project), str(clone))
    assert not (clone / layout.raw(NAME)).exists()
    run(clone, "dvc", "pull")
    assert contents(clone / layout.raw(NAME)) == before
    assert lineage.data_hash(layout.raw(NAME), clone) == lineage.data_hash(layout.raw(NAME), project)
    pulled = store.ImageSet.raw(clone / layout.raw(NAME))
    assert len(pulled) == len(store.read_index(project / layout.raw(NAME)))
    assert pulled[0].image.shape == (tiny.SIZES[NAME], tiny.SIZES[NAME])
