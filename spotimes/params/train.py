"""`train`: the training recipe."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, model_validator

from spotimes.params.optional_file import NONE
from spotimes.system.validation import Frozen

Share = Annotated[float, Field(ge=0, lt=1)]


class Augmentation(Frozen):
    """How a training image is changed at random, anew in every epoch.

    Attributes:
        flip: mirror left and right, half of the time.
        shift: shift by up to this share of the image's height and width; black comes in at the
            edges.
        brightness: make darker or brighter by up to this share of the whole range.
        contrast: multiply the contrast by up to 1 +- this.
        cutout: blacken a rectangle of this share of the image's height and width.
        cutmix: in this share of the images a rectangle of random size shows another image of the
            batch; each of the two labels counts by its image's share of the area.
        cutmix_until: only in the first epochs, this share of all; the last ones show whole images.
    """

    flip: bool
    shift: Share
    brightness: Share
    contrast: Share
    cutout: Share
    cutmix: Annotated[float, Field(ge=0, le=1)]
    cutmix_until: Annotated[float, Field(ge=0, le=1)]


class Muon(Frozen):
    """Muon, for the kernels of dense and pointwise convolutions behind the first layer.

    `spotimes.training.optimizer` says what it is.

    Attributes:
        peak_learning_rate: as SGD's, but as a share of a kernel's own size.
        momentum: of Muon.
    """

    peak_learning_rate: Annotated[float, Field(gt=0, lt=1)]
    momentum: Share


class Optimizer(Frozen):
    """SGD with Nesterov momentum, or AdamW, under a one-cycle learning rate.

    Attributes:
        kind: `sgd`, which is best from random weights on, or `adamw`, which is best for weights
            that are trained already.
        peak_learning_rate: the rate at the end of the warm-up.
        warmup: the share of all steps in which the rate rises linearly; it then falls as a cosine
            to zero.
        momentum: of SGD; of AdamW the first moment's decay (beta 1).
        weight_decay: decoupled; each step shrinks the kernels by this times the rate.
        muon: the optimizer of some of the kernels in place of SGD; null leaves all to SGD.
    """

    kind: Literal["sgd", "adamw"]
    peak_learning_rate: Annotated[float, Field(gt=0, le=10)]
    warmup: Share
    momentum: Share
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    muon: Muon | None

    @model_validator(mode="after")
    def _muon_beside_sgd(self) -> "Optimizer":
        if self.muon is not None and self.kind != "sgd":
            raise ValueError(f"muon works beside kind: sgd alone; with {self.kind} let it be null")
        return self


class FineTuning(Frozen):
    """How weights that are trained already go on learning: a backbone's, or `start_from`'s.

    Attributes:
        head_epochs: in so many epochs at first only what begins with random weights learns.
        rate_decay: a block's learning rate is this times that of the block behind it, so what is
            most general changes least; 1 gives all the same.
    """

    head_epochs: Annotated[int, Field(ge=0)]
    rate_decay: Annotated[float, Field(gt=0, le=1)]


class Teacher(Frozen):
    """A larger network that answers for each picture; ours learns from its answers, not the labels.

    Attributes:
        model: `data/none` for none; the file of `network.backbone.card`, whose whole network is
            fine-tuned first; or a model.keras of ours, trained on the same classes and the same
            size of images.
        side: of a backbone, the pixels to which the images' shorter side is scaled for it.
        epochs: of a backbone's fine-tuning.
        peak_learning_rate: of a backbone's fine-tuning; the rest of its recipe is ours, but that
            neither its images nor its labels are mixed.
        temperature: what both networks' logits are divided by before they are compared: the higher,
            the more the classes count that the teacher thinks improbable.
        views: how many times the teacher sees each picture, each time augmented anew. Later epochs
            show these images again, since to ask it takes longer than to learn.
    """

    model: Annotated[str, Field(min_length=1)]
    side: Annotated[int, Field(ge=8, le=1024)]
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    peak_learning_rate: Annotated[float, Field(gt=0, le=10)]
    temperature: Annotated[float, Field(gt=0, le=100)]
    views: Annotated[int, Field(ge=1, le=10_000)]

    @model_validator(mode="after")
    def _card_or_model(self) -> "Teacher":
        if PurePosixPath(self.model) == PurePosixPath("models/model.keras"):
            raise ValueError(
                "model: models/model.keras is deleted before train runs, which writes it anew; "
                "copy it, cp models/model.keras data/teacher.keras, and name the copy"
            )
        if self.model != NONE and not self.model.endswith((".keras", ".yaml")):
            raise ValueError(
                f"model: {self.model} is neither a backbone's card, a .yaml file, nor a .keras "
                f"file; use {NONE} for none"
            )
        return self


class Train(Frozen):
    """The recipe.

    Attributes:
        start_from: an earlier model.keras of the same network, whose weights to begin with; for one
            class more, or new pictures. Only the head, the dense layer, begins anew, whatever
            classes that model has. The weights are used in place of those of network.backbone.
            `data/none` begins without.
        epochs: passes over the training images.
        batch_size: images a step; those that do not fill a last batch are skipped in that epoch.
        seed: of the weights, the order and the augmentation.
        threads: of TensorFlow; part of the recipe, since another count gives other bytes.
        class_balance: for classes of uneven sizes. `none` shows every image once an epoch;
            `weights` does, too, and weighs the images so that each class counts alike; `sampling`
            shows each class equally often, so not every image of a large class in every epoch.
            Pictures without labels are shown once an epoch and weigh 1 each.
        label_smoothing: the share of a label's weight that is spread over all classes.
        averaging: the decay, a step, of the moving average of weights that is validated and kept;
            0 keeps the weights as they are.
        keep: `last` keeps the weights after the last epoch, `best` those of the epoch with the
            best validation accuracy.
        patience: stop after so many epochs without a better validation accuracy; null never stops.
    """

    start_from: str
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    threads: Annotated[int, Field(ge=1, le=256)]
    optimizer: Optimizer
    fine_tuning: FineTuning
    teacher: Teacher
    augmentation: Augmentation
    class_balance: Literal["none", "weights", "sampling"]
    label_smoothing: Share
    averaging: Share
    keep: Literal["best", "last"]
    patience: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _patience_needs_best(self) -> "Train":
        if self.patience is not None and self.keep == "last":
            raise ValueError("patience needs keep: best, else the latest, worse weights stay")
        return self

    @model_validator(mode="after")
    def _starts_from_another_model(self) -> "Train":
        if PurePosixPath(self.start_from) == PurePosixPath("models/model.keras"):
            raise ValueError(
                "start_from: models/model.keras is deleted before train runs, which writes it anew;"
                " copy it, cp models/model.keras data/start.keras, and name the copy"
            )
        if self.start_from != NONE and not self.start_from.endswith(".keras"):
            raise ValueError(
                f"start_from: {self.start_from} is not an earlier model's .keras file; use {NONE} "
                "for none"
            )
        return self
