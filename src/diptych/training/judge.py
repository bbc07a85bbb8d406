"""Where a discriminator is to be had: in training, in a run's checkpoint, in a model file."""

from pathlib import Path
from typing import Any

import torch

from diptych.config import recipe_from
from diptych.data.domains import Domains
from diptych.errors import DiptychError
from diptych.evaluation.patches import PatchJudge
from diptych.fast.pointwise import multiply_places
from diptych.model_file import Header, Network, read_header
from diptych.model_networks import discriminator_of, plan_network
from diptych.model_place import model_path
from diptych.networks import build_discriminator
from diptych.networks.frozen_view import frozen_views
from diptych.schema import Recipe
from diptych.training.checkpoint import latest_checkpoint
from diptych.training.state import TrainingState, as_judged, discriminator_options
from diptych.weights import find_features


def judge_in_training(
    state: TrainingState, domains: Domains, judged_from: int | None
) -> PatchJudge | None:
    """The one that learns, `judged_from` some step on; None where there is none, or not yet.

    Nor at that step itself, before it has learned: a run that goes on from there knows of its turn,
    one that comes there does not yet.
    """
    if state.discriminator is None or judged_from is None or state.step <= judged_from:
        return None
    about = f"as it was at step {state.step:,}"
    return PatchJudge(state.discriminator, state.views, state.loss.adversarial, domains, about)


def judge_of(place: Path, device: torch.device | str = "cpu") -> PatchJudge:
    """That of a run directory, as its last checkpoint has it, or one that a model file brings.

    Raises DiptychError in a line that says why there is none.
    """
    path = model_path(place)
    if path.suffix != ".safetensors":
        raise DiptychError(f"{place}: holds a generator alone, no discriminator")
    header = read_header(path)
    recipe = recipe_from(header.recipe, str(place))
    if place.is_dir():
        discriminator, recipe, about = _of_run(place, header, recipe)
    else:
        brought = discriminator_of(path, header)
        if brought is None:
            raise DiptychError(
                f"{place}: a model file without its discriminator, which a run keeps in its "
                "checkpoints: name the run directory"
            )
        discriminator, about = brought, f"that of {place.name}"
    views = []
    if recipe.judges_maps:
        channels = header.source.channels, header.target.channels
        views = [view.to(device) for view in frozen_views(find_features(), *channels)]
        if torch.device(device).type == "cpu":
            multiply_places(views[0].network)
    domains = header.source, header.target
    adversarial = recipe.loss.adversarial
    return PatchJudge(discriminator.to(device), views, adversarial, domains, about)


def _of_run(run: Path, header: Header, recipe: Recipe) -> tuple[torch.nn.Module, Recipe, str]:
    """The discriminator of the last checkpoint, by which recipe it learned, and which it is."""
    if recipe.loss.adversarial == "none":
        raise DiptychError(f"{run}: trained without a discriminator (loss.adversarial = 'none')")
    checkpoint = latest_checkpoint(run / "checkpoints")
    if checkpoint is None:
        raise DiptychError(f"{run}: its checkpoints are gone, and the discriminator with them")
    training = checkpoint["training"]
    if training.get("judged_from", 0) is None:
        raise DiptychError(
            f"{run}: its discriminator has not begun, and decides nothing yet "
            f"(loss.adversarial_from = {recipe.loss.adversarial_from:g})"
        )
    found = discriminator_in(run, header, recipe, training)
    if found is None:
        raise DiptychError(f"{run}: its last checkpoint holds no discriminator")
    network, weights, recipe = found
    discriminator = build_discriminator(network.name, **network.options)
    discriminator.load_state_dict(weights)
    return discriminator, recipe, f"as it was at step {training['step']:,}"


def discriminator_in(
    run: Path, header: Header, recipe: Recipe, training: dict[str, Any]
) -> tuple[Network, dict[str, torch.Tensor], Recipe] | None:
    """The discriminator in a state of training, its weights, and the recipe that it learned by.

    None where there is none. Raises DiptychError where the weights are not its own.
    """
    weights = training.get("discriminator")
    if weights is None:
        return None
    recipe = as_judged(recipe, weights)
    options = discriminator_options(recipe, header.source.channels, header.target.channels)
    network = Network(name=recipe.discriminator.name, options=options)
    plan_network(f"{run}: its D", "discriminator", network, weights)
    return network, weights, recipe
