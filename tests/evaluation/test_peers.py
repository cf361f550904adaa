"""Another program's answers, scored as a model's: small scripts that are right, wrong, or fail."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import layout, params, tasks
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import comparison, peers
from brightfield.evaluation.scoring import Split
from trained import TASKS

START = "import sys, pathlib, numpy as np, tifffile\nimages, answers = map(pathlib.Path, sys.argv[1:])\n"
FILES = "files = sorted(images.glob('*.tif'))\n"


@pytest.fixture
def own(project: Path, prepared: Callable[[str], Path]) -> params.Params:
    """A project whose datasets are prepared."""
    for kind, task in TASKS.items():
        folder = project / layout.prepared(task)
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(prepared(kind))
    return params.load()


def script(body: str, start: str = START + FILES) -> str:
    """A command that runs a script on the images, with this Python."""
    Path("peer.py").write_text(start + body)
    return f"{shlex.quote(sys.executable)} peer.py {{images}} {{answers}}"


def truth(own: params.Params, task: str) -> tuple[Split, list[object]]:
    entry = own.tasks[task]
    split = Split.load(tasks.build(entry.kind, entry.settings), layout.prepared(entry.dataset), "test")
    return split, list(split.truth)


def test_label_images_are_scored_as_cells(own: params.Params) -> None:
    split, true = truth(own, "bacteria")
    np.savez("truth.npz", *[answer.instances for answer in true])  # type: ignore[attr-defined]
    command = script(
        "true = list(np.load('truth.npz').values())\n"
        "for file, labels in zip(files, true, strict=True):\n"
        "    tifffile.imwrite(answers / f'{file.stem}_cp_masks.tif', labels.astype(np.uint16))\n"
    )
    found = peers.scored("peer", command, "bacteria", own)
    assert (found.name, found.task) == ("peer", "bacteria")
    assert found.table["id"].tolist() == [record.id for record in split.images]
    entry = own.tasks["bacteria"]
    scores = tasks.build(entry.kind, entry.settings).scoring.summarise(found.of("test"))
    assert (scores["mean_iou"], scores["ap50"]) == (1.0, 1.0)


def test_a_table_of_positions_is_scored_as_beads(own: params.Params) -> None:
    _, true = truth(own, "beads")
    np.savez("truth.npz", *[answer.positions for answer in true])  # type: ignore[attr-defined]
    command = script(
        "rows = ['image,x,y']\n"
        "for file, found in zip(files, np.load('truth.npz').values(), strict=True):\n"
        "    rows += [f'{file.name},{x + 0.25},{y}' for x, y in found]\n"
        "(answers / 'found.csv').write_text('\\n'.join(rows))\n"
    )
    table = peers.scored("peer", command, "beads", own).of("test")
    entry = own.tasks["beads"]
    scores = tasks.build(entry.kind, entry.settings).scoring.summarise(table)
    assert scores["capped_error_px"] == pytest.approx(0.25)


def test_restored_images_and_probabilities(own: params.Params) -> None:
    restored = peers.scored(
        "peer", script("for f in files: tifffile.imwrite(answers / f.name, tifffile.imread(f))"), "denoise", own
    )
    assert np.isfinite(restored.of("test")["psnr_db"]).all()
    command = script(
        "(answers / 'p.csv').write_text('image,probability\\n' + ''.join(f'{f.stem},0.25\\n' for f in files))"
    )
    crops = peers.scored("peer", command, "rbc", own).of("test")
    assert set(crops["probability"]) == {0.25}
    assert set(crops["answered"]) == {0.0}


def test_a_peer_is_compared_as_a_model_is(own: params.Params) -> None:
    one, other = (
        peers.scored(
            name,
            script(
                f"(answers / 'p.csv').write_text('image,probability\\n' + ''.join(f'{{f.stem}},{p}\\n' for f in files))"
            ),
            "rbc",
            own,
        )
        for name, p in (("low", 0.1), ("high", 0.9))
    )
    found = {each.difference.metric: each for each in comparison.compare([one, other], "test", own)}
    assert found["auc"].difference.value == 0
    assert found["recall"].difference.value == 1


def test_images_reach_the_program_as_they_are(own: params.Params) -> None:
    command = script(
        "np.savez('seen.npz', *[tifffile.imread(file) for file in files])\n"
        "for f in files: tifffile.imwrite(answers / f.name, np.zeros_like(tifffile.imread(f), np.uint16))\n"
    )
    peers.scored("peer", command, "bacteria", own)
    seen = list(np.load("seen.npz").values())
    test = ImageSet.prepared(layout.prepared("bacteria"), "test")
    for image, record in zip(seen, test, strict=True):
        np.testing.assert_array_equal(image, record.image)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit('no model here')", "peer failed with exit code 1:\nno model here"),
        ("pass", "peer wrote nothing into .answers."),
        ("(answers / 'a.txt').touch()", "answers of peer cannot be scored: There are no images in the folder"),
        (
            "tifffile.imwrite(answers / files[0].name, np.zeros((64, 64), np.uint8))",
            "Expected one image for '000001', as 000001.tif or 000001_labels.tif, got none",
        ),
        (
            "for f in files: tifffile.imwrite(answers / f.name, np.full((4, 4), 0.5, np.float32))",
            "cannot be scored: .*holds float32 values that are no ids",
        ),
        (
            "for f in files: tifffile.imwrite(answers / f.name, np.zeros((4, 4), np.uint16))",
            "The answer of peer to .* does not fit the image",
        ),
        (
            "for f in files: [tifffile.imwrite(answers / f'{f.stem}_{i}.tif', np.zeros((4, 4), np.uint8)) for i in 'ab']",
            "Expected one image for '000000'.*got 000000_a.tif, 000000_b.tif",
        ),
    ],
)
def test_what_goes_wrong_is_said(own: params.Params, body: str, message: str) -> None:
    with pytest.raises(BrightfieldError, match=f"(?s){message}"):
        peers.scored("peer", script(body), "bacteria", own)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x,y\n1,2", "has no column image: expected image, x, y, got x, y"),
        ("image,x,y\n000000,one,2", "has a value in column x that is no number"),
        ("image,x,y\n000000,inf,2", "has a value in column x that is no number"),
        ("", "a.csv is no table: No columns"),
        ("image,x,y\nelsewhere,1,2", "names 'elsewhere', which was not asked: expected names such as '000000'"),
    ],
)
def test_a_table_that_is_none_is_refused(own: params.Params, rows: str, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        peers.scored("peer", script(f"(answers / 'a.csv').write_text({rows!r})"), "beads", own)
    with pytest.raises(BrightfieldError, match="Expected one CSV file .* got none"):
        peers.scored("peer", script("(answers / 'a.txt').touch()"), "beads", own)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("image,probability\n000000,0.5", "5 of 6 images have no probability, '000001'"),
        ("image,probability\n", "6 of 6"),
    ],
)
def test_every_crop_needs_a_probability(own: params.Params, rows: str, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        peers.scored("peer", script(f"(answers / 'a.csv').write_text({rows!r})"), "rbc", own)
    wrong = "'image,probability\\n' + ''.join(f'{f.stem},1.5\\n' for f in files)"
    with pytest.raises(BrightfieldError, match="A probability is from 0 to 1, got 1.5 for '000000'"):
        peers.scored("peer", script(f"(answers / 'a.csv').write_text({wrong})"), "rbc", own)


def test_a_command_says_where_images_and_answers_go(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match=r"does not say where \{answers\} go"):
        peers.scored("peer", "run {images}", "rbc", own)
    with pytest.raises(BrightfieldError, match="peer cannot be run: No such file.*: no-such-program"):
        peers.scored("peer", "no-such-program {images} {answers}", "rbc", own)
    with pytest.raises(BrightfieldError, match="cannot be read: No closing quotation"):
        peers.scored("peer", "run '{images} {answers}", "rbc", own)


def test_nothing_of_a_command_is_read_by_a_shell(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match="peer failed|cannot be run"):
        peers.scored("peer", "false {images} {answers} ; touch made", "rbc", own)
    assert not Path("made").exists()


def test_a_title_and_a_command() -> None:
    assert peers.named("otsu=python a.py --level=2 {images} {answers}") == (
        "otsu",
        "python a.py --level=2 {images} {answers}",
    )
    for text in ("python a.py", "=run", "a=", "two words=run"):
        with pytest.raises(BrightfieldError, match="Expected TITLE=COMMAND"):
            peers.named(text)


# --- adapters ---------------------------------------------------------------------------------------------------------


def test_an_adapter_needs_no_more_than_a_python(monkeypatch: pytest.MonkeyPatch) -> None:
    title, command = peers.named("trackpy=/opt/peer/bin/python --diameter 11")
    python, adapter, *rest = shlex.split(command)
    assert (title, python) == ("trackpy", "/opt/peer/bin/python")
    assert Path(adapter) == peers.adapters()["trackpy"]
    assert rest == ["{images}", "{answers}", "--diameter", "11"]
    own = "python own.py {images} {answers}"
    assert peers.named(f"trackpy={own}") == ("trackpy", own), "a whole command is taken as it is"
    assert shlex.split(peers.named("trackpy")[1])[:2] == [sys.executable, str(peers.adapters()["trackpy"])]
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrightfieldError, match=r"trackpy runs in an environment of its own.*--with trackpy=/opt"):
        peers.named("trackpy")
    with pytest.raises(BrightfieldError, match="or one of trackpy with a Python that has it"):
        peers.named("nothing")


def test_no_adapter_imports_the_package() -> None:
    for path in peers.adapters().values():
        assert "brightfield" not in path.read_text(encoding="utf-8")


def test_trackpy_finds_beads(own: params.Params) -> None:
    title, command = peers.named(f"trackpy={shlex.quote(sys.executable)} --diameter 11")
    table = peers.scored(title, command, "beads", own).of("test")
    entry = own.tasks["beads"]
    scores = tasks.build(entry.kind, entry.settings).scoring.summarise(table)
    assert scores["recall"] > 0.9  # round dark spots on an even ground
