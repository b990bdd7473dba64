import hashlib
import urllib.error
import urllib.request

import pytest

from provisioner.simulator import images
from tests.simulated import fleet


def test_default_image_has_the_documented_digest():
    content = images.content(images.DEMO_IMAGE, images.DEMO_SIZE)
    assert hashlib.sha256(content).hexdigest() == images.DEMO_SHA256
    assert content[510:512] == b"\x55\xaa"


def test_seed_changes_the_content():
    assert images.content("a", 64, 1) != images.content("a", 64, 2)


def test_serves_generated_and_own_files_only(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.raw").write_bytes(b"own")
    with fleet(1, tmp_path, args=["--images-dir", str(tmp_path / "own"), "--image-size", "4K",
                                  "--seed", "7"]) as running:
        def get(name):
            with urllib.request.urlopen(f"{running.images}/{name}", timeout=10) as response:
                return response.read()
        assert get("own.raw") == b"own"
        assert get("demo-os.raw") == images.content("demo-os.raw", 4096, 7)
        assert len(get("deploy.kernel")) == 64 << 10
        for outside in ("missing", "..%2f..%2fsimulator.log", ".."):
            with pytest.raises(urllib.error.HTTPError) as refused:
                get(outside)
            assert refused.value.code == 404
