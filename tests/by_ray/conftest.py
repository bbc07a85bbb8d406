from collections.abc import Iterator

import pytest
from tests.by_ray.on_ray import Bucket


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    moto = pytest.importorskip("moto.server", reason="needs pip install 'moto[server]'")
    pytest.importorskip("s3fs", reason="needs pip install s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Bucket(f"http://{host}:{port}")
    server.stop()
