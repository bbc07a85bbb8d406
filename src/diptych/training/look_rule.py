"""Whether a generator is told its target's look: where sources do not say it anyway.

And whether it is shown targets in other colours than they have: where they could have them.
"""

from collections.abc import Sequence

import numpy as np
import torch

from diptych.data.crops import pictures_to_validate
from diptych.data.domains import Domains
from diptych.data.pairs import Pair, evenly_spread
from diptych.errors import DiptychError
from diptych.images.encoding import encode, known_places
from diptych.images.main_colours import on_plain_ground
from diptych.networks.frozen_view import LEAST, frozen_views
from diptych.networks.judged_pair import at_size_of
from diptych.networks.told_look import look_of, pooled
from diptych.schema import Recipe
from diptych.training.ridge import ridge
from diptych.training.settled import with_look, with_other_colours
from diptych.weights import find_features

SAMPLE = 128  # training pairs
FEWEST = 16  # below which nothing can be said
FOLLOWS = 0.5  # share of the look's variance that sources foretell, from which it is not told
AT_ONCE = 16
LOOKED_AT = 32  # targets, for their ground
MOSTLY = 0.8  # of them on a plain one, from which they are shown in other colours
OTHERS = 0.5  # share that is
SEEN = 2  # of the frozen network's maps, the smallest: what there is to see rather than how


def told_or_not(
    recipe: Recipe, pairs: Sequence[Pair], domains: Domains
) -> tuple[Recipe, str | None]:
    """The recipe with `generator.look` decided where it says "auto", and why in words."""
    if recipe.generator.look != "auto":
        return recipe, None
    if domains[1].kind == "labels":
        return with_look(recipe, "none"), None
    if min(recipe.data.crop) < LEAST or len(pairs) < FEWEST:
        return with_look(recipe, "told"), None
    seen = _pictures(evenly_spread(pairs, SAMPLE), recipe, domains)
    if seen is None or len(seen[0]) < FEWEST:
        return with_look(recipe, "told"), None
    share = foretold_share(*seen, domains)
    told = share < FOLLOWS
    words = (
        f"sources foretell {share:.0%} of how the colours of their targets differ: the generator "
        + ("is told them, and can be when it translates" if told else "finds them by itself")
    )
    return with_look(recipe, "told" if told else "none"), words


def others_or_not(
    recipe: Recipe, pairs: Sequence[Pair], domains: Domains
) -> tuple[Recipe, str | None]:
    """The recipe with `augment.target_colours` decided where it says "auto", and why in words.

    What stands alone comes in any colour; a green sky over a house is only wrong.
    """
    if recipe.augment.target_colours != "auto":
        return recipe, None
    if recipe.generator.look != "told" or domains[1].kind != "rgb" or len(pairs) < FEWEST:
        return with_other_colours(recipe, 0.0), None
    seen = _pictures(evenly_spread(pairs, LOOKED_AT), recipe, domains)
    if seen is None:
        return with_other_colours(recipe, 0.0), None
    plain = float(np.mean([on_plain_ground(target) for target in seen[1]]))
    if plain < MOSTLY:
        return with_other_colours(recipe, 0.0), None
    return with_other_colours(recipe, OTHERS), (
        f"{plain:.0%} of the targets stand on a plain ground: half of them are shown in other "
        "colours, so that the generator follows any that is asked for"
    )


def _pictures(
    pairs: Sequence[Pair], recipe: Recipe, domains: Domains
) -> tuple[np.ndarray, np.ndarray] | None:
    """Sources and targets of those that can be read, of the others the check of the files speaks.

    None where none can.
    """
    try:
        return pictures_to_validate(pairs, recipe, domains)
    except DiptychError:
        sound = [pair for pair in pairs if _can_be_read(pair, domains)]
        return pictures_to_validate(sound, recipe, domains) if sound else None


def _can_be_read(pair: Pair, domains: Domains) -> bool:
    try:
        pair.read(domains)
    except DiptychError:
        return False
    return True


@torch.no_grad()
def foretold_share(sources: np.ndarray, targets: np.ndarray, domains: Domains) -> float:
    """How much of looks' variance sources foretell, by theirs and by what a frozen network sees.

    Of arrays `(N, H, W, C)` of the domains. A mean over the look's numbers, each counting at
    least 0, of pairs that were left out.
    """
    (view,) = frozen_views(find_features(), domains[0].channels)
    features, looks = [], []
    for start in range(0, len(sources), AT_ONCE):
        few = slice(start, start + AT_ONCE)
        shown = torch.from_numpy(targets[few])
        target = encode(shown, domains[1])
        looks.append(look_of(target, known_places(shown, domains[1])))
        source = encode(torch.from_numpy(sources[few]), domains[0])
        maps = view(at_size_of(target, source))[-SEEN:]
        features.append(torch.cat([look_of(source), *map(pooled, maps)], dim=1))
    fit = ridge(torch.cat(features), torch.cat(looks))
    return float(fit.share.mean())
