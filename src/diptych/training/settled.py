"""What a recipe leaves open, settled by the device and by what the targets are."""

from typing import Any, Literal

from diptych.fast.processor import usable_devices
from diptych.images.domain import Domain
from diptych.schema import Recipe, Size

JITTER = 286 / 256  # of the paper: so many times the crop is what it is taken from
CROPS = {"cpu": 128}  # others take what the recipe has
COLOURS = {"rgb", "gray"}


def settled_for(recipe: Recipe, device: str, begun: Recipe | None = None) -> Recipe:
    """The recipe with sizes for a device, `auto` or a name, where it leaves them open.

    A run that goes on keeps those it `begun` with, and what it decided of looks.
    """
    if begun is not None and recipe.generator.look == "auto":
        recipe = with_look(recipe, begun.generator.look)
    if begun is not None and recipe.augment.target_colours == "auto":
        recipe = with_other_colours(recipe, begun.augment.target_colours)
    data = recipe.data
    if data.sizes == "stated":
        return recipe
    stated = {key for key in ("load_size", "crop_size") if key in data.model_fields_set}
    changes: dict[str, Any] = {"sizes": "stated"}
    if begun is not None and not stated:
        changes |= {"load_size": begun.data.load_size, "crop_size": begun.data.crop_size}
    elif "load_size" not in stated:
        place = usable_devices()[0] if device == "auto" else device
        crop = data.crop_size if stated else CROPS.get(place, data.crop_size)
        changes |= {"load_size": jittered(crop), "crop_size": crop}
    return recipe.model_copy(update={"data": data.model_copy(update=changes)})


def with_look(recipe: Recipe, look: Literal["auto", "told", "none"]) -> Recipe:
    """The recipe with a generator that is told its target's look, or is not."""
    generator = recipe.generator.model_copy(update={"look": look})
    return recipe.model_copy(update={"generator": generator})


def with_other_colours(recipe: Recipe, share: float | Literal["auto"]) -> Recipe:
    """The recipe with so many targets shown in other colours."""
    augment = recipe.augment.model_copy(update={"target_colours": share})
    return recipe.model_copy(update={"augment": augment})


def jittered(crop: Size) -> Size:
    """The size to load for a crop."""
    if isinstance(crop, int):
        return round(crop * JITTER)
    return round(crop[0] * JITTER), round(crop[1] * JITTER)


def suited(recipe: Recipe, target: Domain) -> tuple[Recipe, str | None]:
    """The recipe for such targets, and what was changed.

    What a frozen network sees is of use in pictures. Values in units and classes are learned by
    their distance alone: a discriminator would have them look right rather than be right. Colour
    beside a given lightness is judged as it is.
    """
    if target.kind in COLOURS or not (recipe.loss.features or recipe.judges_maps):
        return recipe, None
    loss: dict[str, Any] = {"features": 0.0}
    changes: dict[str, Any] = {}
    instead = "their distance alone"
    if recipe.judges_maps and target.kind == "chroma":
        changes["discriminator"] = recipe.discriminator.model_copy(update={"name": "patchgan"})
        instead = "their distance, and a PatchGAN"
    elif recipe.judges_maps:
        loss["adversarial"] = "none"
    changes["loss"] = recipe.loss.model_copy(update=loss)
    return (
        recipe.model_copy(update=changes),
        f"targets are {target.kind}, no pictures to a frozen network: learned by {instead}",
    )
