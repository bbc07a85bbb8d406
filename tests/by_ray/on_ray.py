"""A Ray and a server of S3 on this machine, for whole commands in processes of their own."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.translation.jobs.of_files import files_of

RAY = {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_worker_niceness": "0"}


class Bucket:
    """A bucket of a server of S3 on this machine, and what a process has to know of it."""

    def __init__(self, address: str) -> None:
        import boto3

        self.facts = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id=self.facts["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.facts["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="bucket")

    def upload(self, folder: Path, prefix: str) -> None:
        for name, stored in files_of(folder).items():
            self.client.put_object(Bucket="bucket", Key=f"{prefix}/{name}", Body=stored)

    def names(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket="bucket", Prefix=f"{prefix}/"
        )
        found = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return [name.removeprefix(f"{prefix}/") for name in found]

    def files(self, prefix: str) -> dict[str, bytes]:
        get: Callable[[str], bytes] = lambda name: self.client.get_object(  # noqa: E731
            Bucket="bucket", Key=f"{prefix}/{name}"
        )["Body"].read()
        return {name: get(name) for name in self.names(prefix)}


def actors_of(mark: str) -> list[int]:
    """The processes that hold the model, of the Ray that has this in its environment."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            named = folder.name.isdecimal() and (folder / "cmdline").read_bytes()
            actor = named and named.startswith(b"ray::MapWorker")
            if actor and mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
