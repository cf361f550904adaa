"""Page Predict: upload images, view and download the answers."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import streamlit as st

import parts
from brightfield import layout, tasks
from brightfield.images.scaling import LARGEST, SMALLEST
from brightfield.prediction.beside import methods_of
from brightfield.prediction.own_scale import AUTO, Magnification
from queries import answering, project, tracking
from queries.answering import CHAMPION, Answers, Upload

AS_THEY_COME, MEASURED, BY_FACTOR = "as the files say", "measure it", "by a factor"
SHOWN_PX = 1000  # longest side of a shown overlay
PER_PAGE = 6  # number of images per page
MIME = {".csv": "text/csv", ".png": "image/png", ".tif": "image/tiff"}


def choose() -> tuple[str, str | None]:
    """Let the user choose task and model; None if no model is trained."""
    left, right = st.columns([2, 2], vertical_alignment="bottom")
    names = list(project.settings().tasks)
    task = (
        left.segmented_control("Task", names, default=names[0], required=True, key="predict-task", bind="query-params")
        or names[0]
    )
    found = tracking.champions()
    parts.away(found.problem)
    champion = found.table[found.table["task"] == task]
    labels = {name: name for name in answering.references(task)}
    if len(champion) and not found.problem:
        row = champion.iloc[0]
        labels = {CHAMPION: f"champion: {row['model']}, version {row['version']}", **labels}
    if answering.has_starter(task):
        labels |= {layout.STARTER: "starter: part of Brightfield, not trained here"}
    if not labels:
        return task, None
    label = labels.__getitem__
    return task, right.selectbox(
        "Model", list(labels), format_func=label, key=f"predict-model-{task}", bind="query-params"
    )


def ask(task: str, reference: str) -> Answers | None:
    """The answers to uploaded images; a click elsewhere on the page does not predict again."""
    files = st.file_uploader(
        "Images",
        type=list(answering.SUFFIXES),
        accept_multiple_files=True,
        key=f"upload-{task}",
        help=f"PNG, JPEG or TIFF, 8 or 16 bit, grey or RGB; at most {answering.MOST_FRAMES} frames of any size up to "
        f"{answering.MOST_PIXELS:,} pixels",
    )
    pixel = project.settings().tasks[task].settings.pixel_size_um
    st.caption(
        f"Every image is normalised to mean 0 and standard deviation 1. The models were trained on images with {pixel:g} µm per "
        "pixel; sizes in the tables assume it where a file states no other."
    )
    magnify, methods = magnification(task, reference), beside(task)
    if not files:
        return None
    model = answering.predictor(task, reference)
    asked = (id(model), task, magnify, methods, tuple(file.file_id for file in files))
    if st.session_state.get("asked") != asked:
        with st.spinner("Predicting"):
            uploads = [Upload(file.name, file.getvalue()) for file in files]
            st.session_state["answers"] = answering.answer(model, uploads, magnify=magnify, beside=methods)
            st.session_state["asked"] = asked
    answers: Answers = st.session_state["answers"]
    return answers


def magnification(task: str, reference: str) -> Magnification | None:
    """Let the user choose how images are magnified, where the task can do it."""
    of_kind = tasks.KINDS[project.settings().tasks[task].kind].answering_class
    if not of_kind.magnifiable:
        return None
    by_itself = reference == layout.STARTER  # nobody knows whose images a starter answers
    ways = [AS_THEY_COME, *([MEASURED] if of_kind.measured else []), BY_FACTOR]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    way = left.segmented_control(
        "Magnification",
        ways,
        default=MEASURED if by_itself and MEASURED in ways else AS_THEY_COME,
        required=True,
        key=f"predict-magnification-{task}{'-starter' if by_itself else ''}",
        bind="query-params",
        help="Measure it where images are of another magnification than the training's, and their files do not say which: all "
        "images must then be of one acquisition.",
    )
    if way == MEASURED:
        return AUTO
    if way == BY_FACTOR:
        return right.number_input(
            "Factor", SMALLEST, LARGEST, 1.0, 0.1, key=f"predict-factor-{task}", bind="query-params"
        )
    return None


def beside(task: str) -> tuple[str, ...]:
    """Let the user choose classical methods that answer beside the model, where the task has some."""
    methods = methods_of(project.settings().tasks[task].kind)
    with st.container(horizontal=True, gap="small"):
        return tuple(
            method
            for method in methods
            if st.toggle(
                f"beside: {method}",
                key=f"predict-beside-{task}-{method}",
                help="A classical method answers, too, without any training: both pictures, and how far both agree.",
            )
        )


def show(answers: Answers) -> None:
    """Show problems, overlays, numbers and downloads."""
    for message in answers.problems:
        parts.problem(message)
    if not answers.files:
        return
    for note in answers.notes:
        st.caption(parts.plain(note))
    if answers.warning:
        st.warning(parts.plain(answers.warning), icon=":material/visibility:")
    for line in answers.beside:
        st.info(parts.plain(line), icon=":material/compare:")
    takeaway(answers)
    names = list(answers.about["image"])
    pages = -(-len(names) // PER_PAGE)
    page = int(st.number_input("Page of images", 1, pages, key="predict-page", width=160)) if pages > 1 else 1
    some = names[(page - 1) * PER_PAGE : page * PER_PAGE]
    most = 1 if answers.beside else 3  # pictures beside each other are wide
    columns = st.columns(min(len(some), most) if len(some) > 1 else [3, 2])
    for i, name in enumerate(some):
        with columns[i % most if len(some) > 1 else 0]:
            picture(answers, name)
    with columns[1] if len(some) == 1 else st.container():
        numbers(answers)


def picture(answers: Answers, name: str) -> None:
    """Show one overlay with properties of its image, and its files."""
    files = answers.of(name)
    about = answers.about.set_index("image").loc[name]
    both = [files[end] for end in files if fnmatchcase(end, layout.beside("*"))]
    for drawn in both or [files[layout.OVERLAY]]:
        st.image(project.shrink(drawn, 2 * SHOWN_PX if both else SHOWN_PX), width="stretch")
    st.caption(f"**{parts.plain(name)}** · {about['size_px']} px · {about['type']} · {about['range']}")
    if about["outside"]:
        st.caption(f":orange[:material/visibility: doubtful: {parts.plain(about['outside'])}]")
    with st.container(horizontal=True, gap="small"):
        for end, content in files.items():
            download(f"{name}_{end}", content, end.replace(".tif", " (TIFF)").replace(".png", " (PNG)"))


def numbers(answers: Answers) -> None:
    """Show the tables."""
    for tab, table in zip(st.tabs(list(answers.tables)), answers.tables.values(), strict=True):
        tab.dataframe(table, hide_index=True, height=min(38 + 35 * max(1, len(table)), 420))


def takeaway(answers: Answers) -> None:
    """Offer the tables and an archive of all files for download."""
    with st.container(horizontal=True, gap="small"):
        for name in answers.tables:
            download(name, answers.files[name], name)
        download("answers.zip", answers.zipped(), "All files (zip)", "application/zip")


def download(file: str, content: bytes, label: str, mime: str | None = None) -> None:
    """Show a download button that does not run the page again."""
    st.download_button(
        label,
        content,
        file,
        mime or MIME[Path(file).suffix],
        key=f"download-{file}",
        on_click="ignore",
        icon=":material/download:",
    )


parts.head("Predict", "What does a model answer for my images?")
task_name, model_name = choose()
if model_name is None:
    parts.nothing_yet(f"No model of {task_name} has been trained yet.", "make repro")
else:
    given = ask(task_name, model_name)
    if given is not None:
        show(given)
