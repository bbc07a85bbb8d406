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
    some = _sound(evenly_spread(pairs, SAMPLE), domains)
    if len(some) < FEWEST:
        return with_look(recipe, "told"), None
    share = foretold_share(recipe, some, domains)
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
    some = _sound(evenly_spread(pairs, LOOKED_AT), domains)
    if not some:
        return with_other_colours(recipe, 0.0), None
    _, targets = pictures_to_validate(some, recipe, domains)
    plain = float(np.mean([on_plain_ground(target) for target in targets]))
    if plain < MOSTLY:
        return with_other_colours(recipe, 0.0), None
    return with_other_colours(recipe, OTHERS), (
        f"{plain:.0%} of the targets stand on a plain ground: half of them are shown in other "
        "colours, so that the generator follows any that is asked for"
    )


def _sound(pairs: Sequence[Pair], domains: Domains) -> list[Pair]:
    """Those that can be read; of the others the check of the files speaks."""
    sound = []
    for pair in pairs:
        try:
            pair.read(domains)
        except DiptychError:
            continue
        sound.append(pair)
    return sound


@torch.no_grad()
def foretold_share(recipe: Recipe, pairs: Sequence[Pair], domains: Domains) -> float:
    """How much of looks' variance sources foretell, by theirs and by what a frozen network sees.

    A mean over the look's numbers, each counting at least 0, of pairs that were left out.
    """
    sources, targets = map(torch.from_numpy, pictures_to_validate(pairs, recipe, domains))
    (view,) = frozen_views(find_features(), domains[0].channels)
    features, looks = [], []
    for start in range(0, len(sources), AT_ONCE):
        few = slice(start, start + AT_ONCE)
        target = encode(targets[few], domains[1])
        looks.append(look_of(target, known_places(targets[few], domains[1])))
        source = encode(sources[few], domains[0])
        maps = view(at_size_of(target, source))[-SEEN:]
        features.append(torch.cat([look_of(source), *map(pooled, maps)], dim=1))
    fit = ridge(torch.cat(features), torch.cat(looks))
    return float(fit.share.mean())
