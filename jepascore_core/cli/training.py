"""`jepascore train`: train an encoder on the images of a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jepascore_core.cli.options import Device
from jepascore_core.cli.output import JsonFlag, print_json, progress_bar, say
from jepascore_core.errors import JepaScoreError, StoreError
from jepascore_core.formatting import duration_text, plural, rate_text
from jepascore_core.storage.store import Store
from jepascore_core.training.card import checked_name, encoders_folder

if TYPE_CHECKING:
    from jepascore_core.training.fit import EncoderRecipe
    from jepascore_core.training.images import Pictures
    from jepascore_core.training.train import EpochLoss

MAX_IMAGES = 20_000
_SHAPE, _TRAINING = {"rich_help_panel": "Encoder"}, {"rich_help_panel": "Training"}

ImageSize = Annotated[int, typer.Option(min=8, max=512, help="Input resolution in pixels.", **_SHAPE)]
PatchSize = Annotated[
    int, typer.Option(min=2, max=64, help="Patch size in pixels; must divide the image size.", **_SHAPE)
]
Dimension = Annotated[int, typer.Option("--dimension", "-k", help="Embedding dimension K.", **_SHAPE)]
Size = Annotated[str, typer.Option(help="Encoder size: tiny, small or medium.", **_SHAPE)]
Epochs = Annotated[int, typer.Option(min=1, help="Passes over the images.", **_TRAINING)]
BatchSize = Annotated[int, typer.Option(min=2, help="Images per batch.", **_TRAINING)]
Rate = Annotated[float, typer.Option(min=1e-6, help="Peak learning rate.", **_TRAINING)]
Weight = Annotated[float, typer.Option(min=0, max=1, help="Weight of the Gaussianity loss.", **_TRAINING)]
Most = Annotated[int, typer.Option(min=16, help="Maximum number of training images (random sample).", **_TRAINING)]


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command("train")(train)


def train(
    dataset: Annotated[str, typer.Argument(help="Name of the dataset (see `jepascore datasets`).")],
    name: Annotated[str | None, typer.Option(help="Name of the encoder (default: name of the dataset).")] = None,
    image_size: ImageSize = 64,
    patch_size: PatchSize = 8,
    dimension: Dimension = 64,
    size: Size = "small",
    epochs: Epochs = 100,
    batch_size: BatchSize = 256,
    learning_rate: Rate = 2e-3,
    gaussian_weight: Weight = 0.05,
    max_images: Most = MAX_IMAGES,
    seed: Annotated[int, typer.Option(help="Random seed.", **_TRAINING)] = 0,
    device: Device = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Start over, even if a training is finished or was stopped.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Train a small encoder on a dataset's images; it becomes the backbone trained:<name>, here and in the app.

    After Ctrl-C or a crash, the same command resumes after the last finished epoch.
    """
    from jepascore_core.backbones.devices import resolve_device
    from jepascore_core.training.fit import EncoderRecipe
    from jepascore_core.training.train import TrainingConfig

    store = Store()
    record = store.catalogue.dataset(dataset)
    store.index_folder(record)
    chosen = checked_name(name or record.name.lower().replace(" ", "-"))
    folder = encoders_folder()
    if (folder / f"{chosen}.json").is_file() and not again:
        raise StoreError(f"trained:{chosen} already exists. Choose another --name, or pass --again to replace it.")
    config = TrainingConfig(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, gaussian_weight=gaussian_weight, seed=seed
    )
    recipe = EncoderRecipe(image_size, patch_size, dimension, size, config)
    recipe.architecture(3)  # rejects impossible shapes before any image is read
    target = resolve_device(device)
    folder.mkdir(parents=True, exist_ok=True)
    if again:
        (folder / f"{chosen}.state").unlink(missing_ok=True)
    pictures = _read(store, dataset, image_size, max_images)
    facts = _fit(pictures, recipe, chosen, record.name, target, json)
    _report(chosen, facts, json)


def _read(store: Store, dataset: str, size: int, most: int) -> Pictures:
    from jepascore_core.training.images import load_pictures

    with progress_bar() as bar:
        task = bar.add_task("Reading images", total=None, detail="")
        pictures = load_pictures(
            store,
            store.catalogue.dataset(dataset),
            size,
            most,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if pictures.num_failed:
        say(f"{plural(pictures.num_failed, 'image')} could not be read and {_were(pictures.num_failed)} left out.")
    return pictures


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _fit(pictures: Pictures, recipe: EncoderRecipe, name: str, data: str, device: Any, json: bool) -> dict[str, Any]:
    from jepascore_core.training.fit import fit_encoder, suited

    recipe = suited(recipe, pictures)
    total = recipe.num_seen(len(pictures.pixels))
    losses: list[EpochLoss] = []
    about = f"{plural(len(pictures.pixels), 'image')} of the dataset {data}"
    try:
        with _bar(f"Training {name}", total, losses) as on_step:
            return fit_encoder(
                pictures,
                recipe,
                encoders_folder(),
                name,
                about,
                device=device,
                progress=losses.append,
                on_step=on_step,
            )
    except KeyboardInterrupt:
        done = losses[-1].epoch if losses else None
        say("Stopped. Finished epochs are kept; the same command resumes.")
        if json:
            print_json({"name": f"trained:{name}", "state": "stopped", "epoch": done})
        raise
    except FloatingPointError as error:
        raise JepaScoreError(f"Training failed: {error}.") from error


@contextmanager
def _bar(title: str, total: int, losses: list[EpochLoss]) -> Iterator[Callable[[int], None]]:
    """Yield the callback of a bar over images seen, with rate, time left and the loss; continued when resumed."""
    start, first = time.monotonic(), [0]
    with progress_bar() as bar:
        task = bar.add_task(title, total=total, detail="")

        def advance(done: int) -> None:
            first[0] = first[0] or done
            rate = (done - first[0]) / max(time.monotonic() - start, 1e-9)
            left = f"{rate_text(rate)}, {duration_text((total - done) / rate)} left" if rate else ""
            loss = f", loss {losses[-1].total:.3f}" if losses else ""
            bar.update(task, completed=done, detail=left + loss)

        yield advance
        bar.update(task, completed=total, detail="")


def _report(name: str, facts: dict[str, Any], json: bool) -> None:
    card, folder = facts["card"], encoders_folder()
    if json:
        files = {kind: str(folder / f"{name}.{kind}") for kind in ("safetensors", "md")}
        print_json({"name": f"trained:{name}", "state": "finished", **files, **card})
        return
    accuracy = card["probe_accuracy"]
    judged = f", linear probe {100 * accuracy:.1f} %" if accuracy is not None else ""
    say(
        f"trained:{name} is ready: `jepascore score <dataset> -b trained:{name}`. Distance of its projections from a "
        f"normal distribution: {card['normal_distance']:.3f} ({card['expected_distance']:.3f} for a Gaussian){judged}. "
        f"Model card: {folder / f'{name}.md'}"
    )
