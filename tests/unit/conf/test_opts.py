"""Loading and rereading the configuration."""

from provisioner.conf import opts


def test_a_file_that_became_wrong_ends_nothing(tmp_path):
    file = tmp_path / "provisioner.conf"
    file.write_text("[api]\nport = 1234\n")
    conf = opts.load(["--config-file", str(file)], "tests")
    file.write_text("this is no configuration\n")
    opts.reread(conf)
    assert conf.api.port == 1234
    file.unlink()
    opts.reread(conf)
    assert conf.api.port == 1234
