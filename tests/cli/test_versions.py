from importlib import metadata

from hwrts.runs.versions import LIBRARIES, _version, library_versions


def test_versions_of_the_usual_distributions():
    assert library_versions() == {name: metadata.version(name) for name in LIBRARIES}


def test_a_library_that_another_distribution_provides(tmp_path, monkeypatch):
    """With onnxruntime-gpu in place of onnxruntime, info and run ended with PackageNotFoundError."""
    made = tmp_path / "other_name_gpu-1.2.3.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: other-name-gpu\nVersion: 1.2.3\n")
    (made / "top_level.txt").write_text("othermodule\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert _version("othername", "othermodule") == "1.2.3 (other-name-gpu)"
    assert _version("othername", "nowhere") == "unknown"
