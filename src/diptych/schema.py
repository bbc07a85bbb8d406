"""The recipe: all that a training run is, as typed tables. The defaults are the paper's values."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MANY = 2**40  # of anything that is counted
Positive = Annotated[int, Field(ge=1, le=MANY)]
NotNegative = Annotated[int, Field(ge=0, le=MANY)]
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]
Size = Positive | tuple[Positive, Positive]
SPLITS = ("train", "val", "test")  # what pairs are for
Statistics = Literal["batch", "image", "instance", "none"]
Fitting = Literal["shorter", "resize", "patches"]  # as `Fit` of data.fitting has them


def _height_and_width(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


class Table(BaseModel):
    """A table of the recipe: unknown keys are refused, values cannot change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(Table):
    """Where source and target are found in the data, and how pairs are prepared."""

    direction: str = Field("a_to_b", description="a_to_b, b_to_a, or by names: 'labels -> photo'")
    domains: tuple[str, ...] = Field((), description="names of A and B, in this order")
    names: tuple[str, ...] = Field((), description="names of source and target, whichever is A")
    source: str = Field("", description="folder of the sources, where the two are apart")
    target: str = Field("", description="folder of the targets")
    sources: tuple[str, ...] = Field(
        (), description="folders of several sources that are given together, beside target"
    )
    panels: tuple[str, ...] = Field((), description="names of a strip's panels, left to right")
    fit: Fitting = Field(
        "shorter",
        description="crops of pictures whose shorter side becomes load_size, aspect kept; resize: "
        "of pictures squeezed to exactly load_size; patches: of pictures as they are",
    )
    load_size: Size = Field(
        286, description="of the shorter side, in pixels; [height, width] is an exact size"
    )
    crop_size: Size = Field(256, description="and a random part of this size is taken")
    sizes: Literal["stated", "auto"] = Field(
        "stated",
        description="auto: what is not said of load_size and crop_size follows from the other, "
        "and from the device: crops of 128 on a processor",
    )
    shapes: Literal["same", "own"] = Field(
        "same", description="own: source and target differ in shape, and results get the target's"
    )
    test: Literal["", "val"] = Field(
        "", description="val: stands in for a missing test split, and nothing is taken from train"
    )
    anywhere: bool = Field(False, description="a table may name files outside its own folder")
    split_seed: int = Field(0, description="chooses the slice that stands in for a missing split")

    @property
    def fitting(self) -> Fitting:
        """`fit`; but what has an exact size, or shapes of its own, is resized to just that."""
        exact = not isinstance(self.load_size, int) or self.shapes == "own"
        return "resize" if self.fit == "shorter" and exact else self.fit

    @property
    def load(self) -> tuple[int, int]:
        """Height and width of `load_size`."""
        return _height_and_width(self.load_size)

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of `crop_size`."""
        return _height_and_width(self.crop_size)

    @model_validator(mode="after")
    def _consistent(self) -> "Data":
        if self.fit != "patches" and any(
            load < crop for load, crop in zip(self.load, self.crop, strict=True)
        ):
            raise ValueError(f"load_size {self.load_size} is below crop_size {self.crop_size}")
        if self.sources and (self.source or not self.target or len(set(self.sources)) < 2):
            raise ValueError("sources names two or more, all different, beside target, not source")
        if not self.sources and bool(self.source) != bool(self.target):
            raise ValueError("source and target are named together or not at all")
        if self.sources and self.shapes == "own":
            raise ValueError("shapes 'own' is for one source")
        if len(self.domains) not in (0, 2):
            raise ValueError("domains names two, as in ['photo', 'labels']")
        if len(self.names) not in (0, 2):
            raise ValueError("names gives two, as in ['edges', 'photo']")
        if self.fit == "patches" and self.shapes == "own":
            raise ValueError(
                "patches are cut at one place of both: shapes 'own' needs fit 'resize'"
            )
        if self.panels and len(set(self.panels)) < max(2, len(self.panels)):
            raise ValueError("panels names two or more, all different")
        return self


class DomainSettings(Table):
    """What the pictures of one side are; `auto` finds it in the files."""

    kind: Literal["auto", "rgb", "gray", "values", "labels"] = Field(
        "auto", description="8 bits in colours or gray, values in units of their own, or classes"
    )
    range: str | tuple[float, float] | tuple[tuple[float, float], ...] = Field(
        "auto",
        description="values: what -1 and 1 stand for: dtype, [lo, hi], one such a channel, or "
        "percentile:LO,HI of the training pictures; auto: dtype for 8 bits, else percentile:0,100",
    )
    nodata: float | None = Field(
        None, description="values, labels: this number means that there is no data"
    )
    classes: NotNegative = Field(0, description="labels: how many, in pictures of indices")
    palette: tuple[Annotated[str, Field(pattern="^#[0-9a-f]{6}$")], ...] = Field(
        (), description="labels: colours of the classes, '#rrggbb' each"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "DomainSettings":
        if isinstance(self.range, str):
            if self.range not in {"auto", "dtype"}:
                self.percentiles()
        elif not self.range:
            raise ValueError("range is dtype, [lo, hi] or 'percentile:1,99'")
        else:
            pairs = self.range if isinstance(self.range[0], tuple) else (self.range,)
            if any(low >= high for low, high in pairs):
                raise ValueError("range runs from the lower to the higher")
        if (self.classes or self.palette) and self.kind != "labels":
            raise ValueError("classes and palette go with kind 'labels'")
        if self.classes and self.palette and self.classes != len(self.palette):
            raise ValueError(f"classes {self.classes}, but {len(self.palette)} colours in palette")
        if max(self.classes, len(self.palette)) > 256:
            raise ValueError("labels have at most 256 classes")
        if len(set(self.palette)) < len(self.palette):
            raise ValueError("palette names a colour twice")
        return self

    def percentiles(self) -> tuple[float, float]:
        """The two of `percentile:LO,HI`; those of all values for `auto`."""
        text = "percentile:0,100" if self.range == "auto" else str(self.range)
        try:
            low, high = (float(part) for part in text.removeprefix("percentile:").split(","))
            right = text.startswith("percentile:") and 0 <= low < high <= 100
        except ValueError:
            right = False
        if not right:
            raise ValueError("range is dtype, [lo, hi] or 'percentile:1,99'")
        return low, high


class Derive(Table):
    """How sources are made from photos, where the data holds targets alone."""

    kind: Literal["none", "degrade", "lightness", "holes", "edges"] = Field(
        "none", description="none: the data holds pairs"
    )
    scale: Literal[1, 2, 4, 8] = Field(1, description="degrade: so many times smaller, bicubic")
    blur: Range = Field((0.0, 0.0), description="degrade: radius of a Gaussian, in pixels")
    noise: Range = Field((0.0, 0.0), description="degrade: standard deviation, of 255")
    jpeg: Range = Field((100.0, 100.0), description="degrade: quality; 100 does not compress")
    holes: Range = Field((0.1, 0.25), description="holes: share of the picture that is missing")
    edge_blur: float = Field(
        1.4, gt=0, description="edges: Gaussian before the detector, in pixels"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Derive":
        for name in ("blur", "noise", "jpeg", "holes"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} [{low}, {high}] runs from the lower to the higher")
        if not 1 <= self.jpeg[0] <= self.jpeg[1] <= 100:
            raise ValueError("jpeg lies between 1 and 100")
        if not 0 < self.holes[0] <= self.holes[1] <= 0.9:
            raise ValueError("holes lies between 0 and 0.9")
        if self.scale > 1 and self.kind != "degrade":
            raise ValueError("scale goes with kind 'degrade'")
        return self


class Augment(Table):
    """More pairs from those there are; the jitter is data.load_size beside data.crop_size."""

    mirror: bool = Field(True, description="mirror half of the pairs")
    rotation: float = Field(0.0, ge=0, le=180, description="turn by up to so many degrees")
    scale: Range = Field((1.0, 1.0), description="enlarge by a factor within")
    colour: float = Field(
        0.0, ge=0, lt=1, description="change the source's colours by up to this share"
    )
    target_colours: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        0.0,
        description="where looks are told: this share of the targets is shown in other colours; "
        "auto: half, where they stand on a plain ground",
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Augment":
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError("scale runs from the lower to the higher, both above 0")
        return self


class Generator(Table):
    """The network that translates."""

    name: str = "unet"
    base_channels: Positive = 64
    skips: bool = Field(True, description="false: the paper's encoder-decoder")
    dropout: float = Field(0.5, ge=0, lt=1)
    statistics: Statistics = Field(
        "image",
        description="normalise by the statistics of each image, or of the batch, which is the same "
        "at batch size 1; instance: of each image, without learned scale and shift; none: do not "
        "normalise",
    )
    blocks: Positive = Field(8, description="residual, resnet: blocks of two convolutions")
    noise_channels: NotNegative = Field(
        0, description="channels of Gaussian noise beside the source"
    )
    frozen_maps: int = Field(
        0,
        ge=0,
        le=4,
        description="resunet: so many maps of the source by a frozen network join its own, from a "
        "quarter of the size on",
    )
    look: Literal["none", "told", "auto"] = Field(
        "none",
        description="resunet, compact: told the target's overall colours in training, which may be "
        "said when it translates; auto: where sources do not foretell them",
    )


class Discriminator(Table):
    """The network that tells targets from translated pictures."""

    name: str = "patchgan"
    receptive_field: Literal[1, 16, 34, 70, 142, 286] = 70
    base_channels: Positive = 64
    statistics: Statistics = "image"


class Loss(Table):
    """The objective: an adversarial part and an L1 part (equation 4)."""

    adversarial: Literal["cgan", "gan", "none"] = "cgan"
    adversarial_from: float = Field(
        0.0, ge=0, lt=1, description="share of the training after which the discriminator begins"
    )
    l1: float = Field(100.0, ge=0, description="weight of the L1 part; 0 leaves it out")
    features: float = Field(
        0.0, ge=0, description="weight of the distance in what a frozen network sees; 0: none"
    )

    @property
    def waits(self) -> float:
        """The share of the training that a discriminator, where there is one, waits."""
        return 0.0 if self.adversarial == "none" else self.adversarial_from

    @model_validator(mode="after")
    def _something(self) -> "Loss":
        if self.adversarial == "none" and self.l1 == 0:
            raise ValueError("adversarial 'none' and l1 0 leave nothing to learn from")
        return self


class Distill(Table):
    """What a student learns from, beside D: parts of what `loss.l1` weighs. For `distill` alone."""

    target: float = Field(0.5, ge=0, description="weight of the distance to the target")
    output: float = Field(0.5, ge=0, description="of the L1 distance to the teacher's picture")
    features: float = Field(
        0.1, ge=0, description="of how far the maps of both generators are from aligned, 0 to 1"
    )


class Train(Table):
    """The optimisation, and what is done beside it."""

    epochs: NotNegative = Field(200, description="0: as long as it gets better")
    steps: NotNegative = Field(0, description="a budget of steps in place of epochs; 0: none")
    minutes: float = Field(0.0, ge=0, description="a budget of wall clock, before both; 0: none")
    batch_size: Positive = Field(1, description="pairs in a step, of all devices together")
    accumulate: Positive = Field(
        1,
        description="a batch is computed in so many parts, one after the other, where it does not "
        "fit into memory; the step is the same",
    )
    learning_rate: float = Field(2e-4, gt=0)
    decay: float = Field(
        0.5, gt=0, lt=1, description="the last share of the training, in which the rate falls to 0"
    )
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="bf16 where the processor has it, else fp32"
    )
    recompute: bool = Field(
        False,
        description="true: less memory, more time: what layers made is computed again in the "
        "backward pass",
    )
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the weights' average; 0: none")
    ema_share: float = Field(
        0.0, ge=0, lt=1, description="or the average reaches back over this share of all steps"
    )
    seed: int = Field(0, ge=0, lt=2**63)
    log_steps: Positive = Field(50, description="steps between two lines of the log")
    validate_epochs: NotNegative = Field(
        0, description="epochs between two validations; 0: some thirty validations a run"
    )
    validation_pairs: Positive = Field(32, description="at most so many pairs are validated on")
    preview_pairs: Positive = Field(4, description="pairs shown in every preview")
    preview_patches: bool = Field(
        True, description="previews and the film show what the discriminator decides of each patch"
    )
    checkpoint_steps: Positive = Field(5000, description="most steps between two checkpoints")
    checkpoint_minutes: float = Field(5.0, gt=0, description="most minutes between two")
    keep_checkpoints: Positive = Field(2, description="so many of the latest are kept")
    keep_best_checkpoint: bool = Field(False, description="and the one of the best model")

    @model_validator(mode="after")
    def _consistent(self) -> "Train":
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate {self.accumulate} is more parts than batch_size {self.batch_size} has "
                "pairs"
            )
        return self


class Test(Table):
    """How the model behaves once trained: stored with it, a choice when translating."""

    dropout: bool = Field(False, description="true: with noise, by dropout as the paper tests")


class Recipe(Table):
    """All tables of a recipe."""

    data: Data = Data()
    domain: dict[str, DomainSettings] = {}  # by the domain's name, or source and target
    derive: Derive = Derive()
    augment: Augment = Augment()
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    loss: Loss = Loss()
    distill: Distill = Distill()
    train: Train = Train()
    test: Test = Test()

    @property
    def judges_maps(self) -> bool:
        """Whether there is a discriminator, and one that judges what a frozen network sees."""
        return self.loss.adversarial != "none" and self.discriminator.name == "projected"
