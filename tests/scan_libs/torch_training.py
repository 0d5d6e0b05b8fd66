"""Training checkpoints: optimizers, schedulers, transformers' training arguments and trainers, Lightning."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.scan_libs.made import Made, Writer, last


def _optimizers() -> Iterator[tuple[str, Any]]:
    torch = import_module("torch")
    for name in ("SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop"):
        model = torch.nn.Linear(4, 2)
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
        yield name, (model, optimizer)


def _schedulers(optimizer: Any) -> dict[str, Any]:
    kinds = import_module("torch").optim.lr_scheduler
    return {
        "step": kinds.StepLR(optimizer, 1),
        "lambda": kinds.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
        "cosine": kinds.CosineAnnealingLR(optimizer, 10),
        "plateau": kinds.ReduceLROnPlateau(optimizer),
        "onecycle": kinds.OneCycleLR(optimizer, 0.1, 10),
        "multi": kinds.MultiStepLR(optimizer, [1, 2]),
        "warm": kinds.CosineAnnealingWarmRestarts(optimizer, 5),
        "sequential": kinds.SequentialLR(optimizer, [kinds.ConstantLR(optimizer), kinds.LinearLR(optimizer)], [2]),
    }


def _checkpoints() -> Iterator[Made]:
    torch = import_module("torch")
    numpy = import_module("numpy")
    random = import_module("random")
    for name, (model, optimizer) in _optimizers():
        value = {
            "epoch": 1,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": torch.amp.GradScaler("cpu").state_dict(),
            "rng": {"python": random.getstate(), "numpy": numpy.random.get_state(), "torch": torch.get_rng_state()},
            "best": numpy.float64(0.25),
        }
        yield f"checkpoint/{name}.pt", last(torch.save, value)
        yield f"checkpoint/{name}-optimizer.pt", last(torch.save, optimizer)
    model, optimizer = next(_optimizers())[1]
    for name, scheduler in _schedulers(optimizer).items():
        yield f"checkpoint/scheduler-{name}.pt", last(torch.save, scheduler.state_dict())
    averaged = torch.optim.swa_utils.AveragedModel(model)
    yield "checkpoint/averaged.pt", lambda path: torch.save(averaged.state_dict(), path)


def _transformers() -> Iterator[Made]:
    torch = import_module("torch")
    transformers = import_module("transformers")
    sets: dict[str, dict[str, Any]] = {
        "default": {},
        "steps": {"eval_strategy": "steps", "eval_steps": 10, "save_strategy": "steps", "lr_scheduler_type": "cosine"},
        "full": {"optim": "adamw_torch", "gradient_checkpointing": True, "report_to": ["none"], "seed": 7, "weight_decay": 0.1},
    }
    for name, arguments in sets.items():
        made = transformers.TrainingArguments(output_dir="out", use_cpu=True, **arguments)
        yield f"transformers/{name}/training_args.bin", last(torch.save, made)
    sequence = transformers.Seq2SeqTrainingArguments(output_dir="out", use_cpu=True, predict_with_generate=True)
    yield "transformers/seq2seq/training_args.bin", lambda path: torch.save(sequence, path)
    configs: dict[str, Any] = {
        "bert": transformers.BertConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=50
        ),
        "gpt2": transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50, n_positions=32),
        "llama": transformers.LlamaConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=50
        ),
        "t5": transformers.T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=50),
    }
    for name, config in configs.items():
        model = import_module("transformers").AutoModel.from_config(config)
        yield f"transformers/{name}/pytorch_model.bin", last(torch.save, model.state_dict())
        yield f"transformers/{name}/whole.pt", last(torch.save, model)
        yield f"transformers/{name}/model.safetensors", _pretrained(model)
        yield f"transformers/{name}/config.pkl", last(torch.save, config)


def _pretrained(model: Any) -> Writer:
    return lambda path: model.save_pretrained(path.parent)


def _lightning() -> Iterator[Made]:
    torch = import_module("torch")
    lightning = import_module("lightning")

    class Net(lightning.LightningModule):  # type: ignore[misc, name-defined] # the base comes from another environment
        """A linear model."""

        def __init__(self, lr: float = 0.1, sizes: tuple[int, ...] = (4, 1)) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(*sizes)
            self.lr = lr

        def training_step(self, batch: Any, _index: int) -> Any:
            """Return the loss."""
            loss = self.layer(batch[0]).mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            """Return an optimizer with a scheduler."""
            optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    def run(path: Path, *callbacks: Any) -> None:
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 4)))
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", callbacks=list(callbacks), **quiet)
        trainer.fit(Net(), data)
        trainer.save_checkpoint(path)

    yield "lightning/plain.ckpt", run
    callbacks = import_module("lightning.pytorch.callbacks")
    yield "lightning/early.ckpt", lambda path: run(path, callbacks.EarlyStopping("loss", check_on_train_epoch_end=True))
    yield "lightning/swa.ckpt", lambda path: run(path, callbacks.StochasticWeightAveraging(0.01))


def files() -> Iterator[Made]:
    """Yield the files."""
    yield from _checkpoints()
    for make in (_transformers, _lightning):
        try:
            yield from make()
        except ImportError as error:
            print(f"not installed: {make.__name__}: {error}", flush=True)
