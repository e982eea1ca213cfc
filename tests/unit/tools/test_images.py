"""Job images: what is refused before anything is built."""

from __future__ import annotations

import pytest

import images


@pytest.mark.parametrize("target", ["registry.example.org", "registry.example.org/"])
def test_a_registry_without_a_namespace_is_refused(
    target: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a namespace the next check is reached: whether an engine answers."""
    monkeypatch.setattr(images, "output", lambda _command: None)
    for given, sentence in [
        (target, f"--push {target} lacks the namespace: write registry.example.org/namespace."),
        (
            f"{target.rstrip('/')}/site",
            "Docker Engine does not answer this user. Run: ",
        ),
    ]:
        with pytest.raises(SystemExit) as ended:
            images.main(["jobs", "--push", given])
        assert ended.value.code == 1
        assert capsys.readouterr().err.startswith(f"sallyport: {sentence}")


def test_studies_that_name_the_other_data_builder_find_it() -> None:
    names = [name for image in images.JOB_IMAGES for name in (image.reference, *image.aliases)]
    assert names == ["python:v2", "databuilder:v1", "ehrql:v1"]
