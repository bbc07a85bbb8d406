"""The datasets of the paper that diptych can fetch: what they are, how large, on what terms."""

from dataclasses import dataclass

from diptych.errors import DiptychError

HOST = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
HUB = "https://huggingface.co"


@dataclass(frozen=True)
class KnownDataset:
    """A published set of pairs, side by side: A is the left half, B the right one.

    The host's sizes are those of its listing, which gives two digits or three. The hub holds the
    same pairs cut apart and without their splits: all are one train split there.
    """

    name: str
    task: str  # as source -> target
    pairs: tuple[int, int, int]  # published in train, val and test
    megabytes: int  # of the host's archive, about; unpacked it takes as much again
    terms: str
    origin: str  # where the pictures come from, and their own terms stand
    recipe: str  # the one of diptych's that trains on it as the paper does
    hub: str  # the repository on the hub
    hub_megabytes: int | None  # about; None: not known

    def url(self, base: str = HOST) -> str:
        """Where the archive lies on the host, or on a mirror of it."""
        return f"{base.rstrip('/')}/{self.name}.tar.gz"


_ALL = (
    KnownDataset(
        name="facades",
        task="labels -> photo",
        pairs=(400, 100, 106),
        megabytes=30,
        terms="From the CMP Facade Database (Tyleček and Šára, 2013), made for research. "
        "Cite it, and read its page before any other use.",
        origin="https://cmp.felk.cvut.cz/~tylecr1/facade/",
        recipe="facades",
        hub="huggan/facades",
        hub_megabytes=93,
    ),
    KnownDataset(
        name="maps",
        task="satellite -> map",
        pairs=(1096, 1098, 0),
        megabytes=250,
        terms="Gathered from Google Maps by the authors of pix2pix. The imagery is Google's and "
        "its suppliers', and comes with no licence: research only, and do not pass it on.",
        origin="https://phillipi.github.io/pix2pix/",
        recipe="maps",
        hub="huggan/maps",
        hub_megabytes=1870,
    ),
    KnownDataset(
        name="cityscapes",
        task="labels -> photo",
        pairs=(2975, 500, 0),
        megabytes=104,
        terms="Under Cityscapes' own licence: non-commercial use only, and no passing on. It asks "
        "you to register on its site; do so before you use these smaller copies.",
        origin="https://www.cityscapes-dataset.com/license/",
        recipe="cityscapes",
        hub="huggan/cityscapes",
        hub_megabytes=433,
    ),
    KnownDataset(
        name="edges2shoes",
        task="edges -> photo",
        pairs=(49825, 200, 0),
        megabytes=2200,
        terms="Photos of UT Zappos50K (Yu and Grauman, 2014), for academic, non-commercial use "
        "only; edges found by the authors of pix2pix.",
        origin="https://vision.cs.utexas.edu/projects/finegrained/utzap50k/",
        recipe="edges2shoes",
        hub="huggan/edges2shoes",
        hub_megabytes=2795,
    ),
    KnownDataset(
        name="edges2handbags",
        task="edges -> photo",
        pairs=(138567, 200, 0),
        megabytes=8600,
        terms="Product photos from Amazon, gathered by the iGAN project (Zhu et al., 2016). They "
        "come with no licence: research only.",
        origin="https://github.com/junyanz/iGAN",
        recipe="edges2handbags",
        hub="huggan/edges2handbags",
        hub_megabytes=None,
    ),
    KnownDataset(
        name="night2day",
        task="day -> night",
        pairs=(17823, 10, 2287),
        megabytes=2050,
        terms="Webcam pictures of the Transient Attributes database (Laffont et al., 2014), "
        "made for research; the pictures belong to those who took them.",
        origin="http://transattr.cs.brown.edu/",
        recipe="day2night",
        hub="huggan/night2day",
        hub_megabytes=4034,
    ),
)

CATALOGUE = {dataset.name: dataset for dataset in _ALL}


def find_dataset(name: str) -> KnownDataset:
    """The dataset of this name; raises DiptychError that lists the names where there is none."""
    if name not in CATALOGUE:
        raise DiptychError(f"dataset {name!r} is not known: one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
