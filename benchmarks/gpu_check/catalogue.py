"""The rows of a check, in the order of its table: what tells most comes first, for time may run out."""

from __future__ import annotations

from benchmarks.gpu_check.row import Row
from benchmarks.gpu_check.rows.arithmetic import changed_arithmetic
from benchmarks.gpu_check.rows.card import describe_card
from benchmarks.gpu_check.rows.contest import compare_speed
from benchmarks.gpu_check.rows.epochs import compare_epochs
from benchmarks.gpu_check.rows.generation import compare_generation
from benchmarks.gpu_check.rows.sweeps import repeat_exactly, run_out_of_memory, sweep_speed

ROWS = (
    Row("the card", describe_card, 30),
    *(Row(f"sweep of mnist, {n} at once on the card", sweep_speed, 75, (n,)) for n in (1, 2, 4)),
    Row("one trial runs out of GPU memory", run_out_of_memory, 60),
    Row("a trial trained again", repeat_exactly, 60),
    Row("bf16, mnist", changed_arithmetic, 40, ("bf16",)),
    Row("torch.compile, mnist", changed_arithmetic, 90, ("compiled",)),
    Row("generation engine against generate", compare_generation, 40),
    Row("epoch of mnist", compare_epochs, 40, ("mnist",)),
    *(
        Row(f"epoch of a table, {family}", compare_epochs, 40, ("california_housing", family))
        for family in ("mlp", "embedded", "neighbours")  # LightGBM (boosting) trains on the CPU in any case
    ),
    *(
        Row(f"epoch of texts, {family}", compare_epochs, 40, ("text", family))
        for family in ("ngrams", "recurrent", "attention")
    ),
    Row("epoch of pictures, residual network", compare_epochs, 40, ("images",)),
    Row("epoch of transfer learning, EfficientNet-Lite0", compare_epochs, 90, ("images", "transfer")),
    Row("epoch of a generator of digits and its critic", compare_epochs, 40, ("mnist_gan",)),
    Row("epoch of fine-tuning, the stand-in of KoGPT2", compare_epochs, 60, ("kogpt2",)),
    Row("sweep against bare training", compare_speed, 90),
)
