"""hwrts export --format vectors."""

import json


def test_vectors_are_handed_over(workspace, hwrts):
    words = ("export", "runs/tiny", "-o", "out", "--no-check", "--format", "vectors", "--stage", "1")
    result = hwrts(*words)
    assert result.code == 0, result.err
    assert "take vectors/VECTORS.md for testbenches of any language" in result.out
    made = json.loads((workspace / "out/vectors/manifest.json").read_text())
    assert made["cases"][0]["name"] == "photograph"
    listed = {*json.loads((workspace / "out/manifest.json").read_text())["files"]}
    assert {f"vectors/{name}" for name in made["files"]} <= listed
    assert hwrts(*words, "--force").code == 0
