"""Training of a preset, a config file or the config of a run, from the start or resumed."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from snnsim import allocator, presets, schema
from snnsim.config import Config
from snnsim.experiment import build, datasets, estimate, evaluate_run, own_data, plot_run, tasks, updates
from snnsim.files import remove_abandoned
from snnsim.nn.network import SpikingNetwork
from snnsim.training import checkpoint, distributed, lock, loggers, optimizers
from snnsim.training.precision import precision_note
from snnsim.training.run_folder import RunFolder, environment, newest
from snnsim.training.trainer import Trainer, TrainerConfig

RUNS = Path("runs")


def train(
    target: str,
    values: Mapping[str, object],
    *,
    output: str | Path | None = None,
    resume: str | None = None,
    device: str = "auto",
) -> RunFolder:
    """Train, and return the folder of the run.

    One training at a time has a folder: other trainings get folders of their own, or an error that names the owner.

    Args:
        target: A preset, a TOML file, or the folder of a run.
        values: New values of the config by dotted names.
        output: Folder of the run; None is a new folder in RUNS.
        resume: Folder of the run to resume, or "auto" for the run of `target` or `output`; None starts a new run.
        device: Device of the network, or "auto".
    """
    output = None if output is None else Path(output)
    torch_device = distributed.choose_device(device)
    with distributed.init_distributed(torch_device) as processes, contextlib.ExitStack() as stack:
        new_config = own_data.with_values(config_of(target), values) if resume is None else None

        def choose() -> RunFolder:
            if new_config is None:
                return stack.enter_context(_existing_folder(_to_resume(target, output, resume or "auto")))
            return stack.enter_context(_new_folder(new_config, output))

        folder = distributed.decided_by_main(choose, processes, torch_device)
        config = _resumed_config(folder, values) if new_config is None else new_config
        with distributed.main_process_first(processes):
            run, outputs = prepare(config, folder, processes, torch_device)
        missing: Sequence[str] = plot_run.AFTER_TRAINING
        if new_config is None and folder.last.exists():
            missing = _resume(run, config)
        else:
            # a run that was killed before its first checkpoint starts again
            evaluate_run.start(run.network, config)
            if processes.first:
                config.save(folder.config)
                folder.write_json(folder.path / "environment.json", environment(config.training.seed))
        if processes.first:
            tqdm.write(_introduction(config, run, outputs))
        run.fit()
        if processes.first:
            for kind in missing:
                plot_run.plot(folder.path, kind)
    return folder


@contextlib.contextmanager
def _existing_folder(folder: RunFolder) -> Iterator[RunFolder]:
    """Lock the folder of an existing run, and remove partial files of writers that were killed.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if not folder.path.is_dir():
        raise FileNotFoundError(f"--resume: there is no folder {folder.path}; name the folder of a run")
    with lock.held(folder.path, say=tqdm.write):
        remove_abandoned(folder.path)
        yield folder


@contextlib.contextmanager
def _new_folder(config: Config, output: Path | None) -> Iterator[RunFolder]:
    """Create and lock the folder of a new run."""
    # the check comes first, so that a failure leaves no folder
    estimate.require(config, estimate.of_network(config, classes=1))
    path = output or lock.new_folder(RUNS, f"{config.name}-{datetime.now():%Y%m%d-%H%M%S}")
    folder = RunFolder(path)
    with lock.held(path, say=tqdm.write):
        _check_free(folder)
        yield folder


# loads the state of a run, and returns the pictures that it lacks
def _resume(run: Trainer, config: Config) -> Sequence[str]:
    changed = run.resume()
    missing: Sequence[str] = plot_run.AFTER_TRAINING
    if run.state.finished:
        missing = plot_run.missing(run.folder, config)
        if not missing:
            raise ValueError(
                f"run {run.folder.path} is finished ({run.state.epoch} epochs); there is nothing to resume. "
                "Look at it with `snnsim evaluate` or `snnsim plot`, or start a new run"
            )
    elif changed and run.plan.processes.first:
        tqdm.write(
            f"{run.folder.path} goes on under other conditions than it began under: {'; '.join(changed)}. Its numbers "
            "will differ from those of a run that was never stopped"
        )
    return missing


def prepare(
    config: Config,
    folder: RunFolder,
    processes: distributed.Distributed,
    device: torch.device,
    *,
    make_network: Callable[..., SpikingNetwork] = build.build_network,
) -> tuple[Trainer, tasks.Names]:
    """Return a trainer, and the names of the outputs: classes or targets.

    Args:
        config: The config of the run.
        folder: Folder of the run.
        processes: The processes of the training.
        device: Device of this process.
        make_network: Function from a config and numbers of outputs to the network.

    Raises:
        MemoryError: If the training needs more memory than there is.
        ValueError: If several processes train in chunks of time.
    """
    # a first check comes before data are generated; the number of classes makes little difference
    estimate.require(config, estimate.of_network(config, classes=1))
    data = datasets.load_splits(config, "train", *(("valid",) if config.data.validate else ()))
    outputs = tasks.names(config, data["train"].binned)
    classes = tasks.sizes(outputs)
    for note in tasks.scale_notes(config, data["train"].binned.targets) if processes.first else ():
        tqdm.write(note)
    if device.type == "cpu":
        _check_memory(config, data["train"], tasks.total(classes), processes.world)
    network = make_network(config, classes=classes).to(device)
    if config.training.window_ms is not None:
        if processes.world > 1:
            raise ValueError(
                "training.window_ms works in one process; start without torchrun, or take whole recordings"
            )
        allocator.keep_little()
    settings, share = config.training, {"rank": processes.rank, "world": processes.world}
    train_batches = datasets.training_batches(config, data["train"], **share)
    plan = TrainerConfig(
        train=train_batches,
        valid=data["valid"].batches(build.EVALUATION_BATCH, **share) if "valid" in data else None,
        rule=build.rule(config, processes),
        task=tasks.build(config),
        epochs=min(settings.epochs, settings.stop_after or settings.epochs),
        seed=settings.seed,
        patience=settings.patience,
        width=build.width_schedule(config),
        recurrent_width=build.recurrent_width_schedule(config),
        architecture=build.architecture(config, classes=classes),
        device=device,
        mixed=settings.precision == "bfloat16",
        processes=processes,
        computed=build.grid(config).on,
        loggers=loggers.build(config.training.loggers) if processes.first else (),
        config=schema.plain(config),
    )
    epochs, recipe = settings.epochs, updates.settings(config)
    optimizer = optimizers.build(network, settings=recipe, steps=epochs * len(train_batches), epochs=epochs)
    return Trainer(network, optimizer, plan, folder), outputs


def _check_memory(config: Config, part: datasets.Part, classes: int, world: int) -> None:
    steps = datasets.longest_steps(config, part)
    share = min(config.training.batch_size, len(part.indices)) // world + 1
    estimate.require(config, estimate.of_training(config, classes=classes, recordings=share, steps=steps))


def config_of(target: str) -> Config:
    """Return the config that a target names.

    Args:
        target: Name of a preset, path of a TOML file, or path of a run's folder; a preset's name comes first.

    Raises:
        ValueError: If the target is none of these.
    """
    if target in presets.PRESETS:
        return presets.named(target)
    path = Path(target)
    if path.is_dir():
        return evaluate_run.config_of(RunFolder(path))
    if path.suffix == ".toml" or path.exists():
        return Config.load(path, say=partial(tqdm.write, file=sys.stderr))
    with contextlib.suppress(ValueError):
        return presets.named(target)
    raise ValueError(
        f"{target!r} is neither a preset ({', '.join(presets.PRESETS)}), nor a config file (.toml), "
        "nor the folder of a run"
    )


def _to_resume(target: str, output: Path | None, resume: str) -> RunFolder:
    if resume != "auto":
        path = Path(resume)
        return RunFolder(path.parent if path.suffix == ".pt" else path)
    if output is not None:
        return RunFolder(output)
    if Path(target).is_dir() and target not in presets.PRESETS:
        return RunFolder(Path(target))
    run = newest(RUNS, target)
    if run is None:
        raise FileNotFoundError(
            f"--resume: {target!r} is no folder of a run, and no preset with a run in {RUNS}; name one: --resume RUN"
        )
    return run


def _resumed_config(folder: RunFolder, values: Mapping[str, object]) -> Config:
    if not folder.config.is_file():
        raise FileNotFoundError(f"--resume: {folder.path} is not the folder of a run; it has no config.toml")
    config = evaluate_run.config_of(folder)
    # data may have moved; a run with another changed value is another run
    changed = config.with_values(values)
    moved = config.with_values({"data.path": changed.data.path})
    if changed != moved:
        raise ValueError(
            f"--resume goes on with {folder.path} as it was configured; to change {', '.join(values)}, start "
            f"a new run from its config: snnsim train {folder.path} ..."
        )
    return changed


def _check_free(folder: RunFolder) -> None:
    if folder.config.exists() or folder.last.exists():
        raise FileExistsError(
            f"{folder.path} holds a run already; go on with it by --resume, or choose another --output-dir"
        )


def _introduction(config: Config, run: Trainer, outputs: tasks.Names) -> str:
    sizes = build.layer_sizes(config, classes=tasks.sizes(outputs))
    validated = 0 if run.plan.valid is None else len(run.plan.valid.indices)
    trained = f"{optimizers.trained_parameters(run.network):,} trained parameters"
    notes = _left_out(run.plan.train.binned.dropped) + precision_note(run.plan.device, mixed=run.plan.mixed)
    return (
        f"{config.name}: network {sizes}, {build.kinds(config)}, {trained}\n"
        f"{len(run.plan.train.indices)} recordings to train on, {validated} to validate with, "
        f"batches of {config.training.batch_size}, on {run.plan.device}\n"
        f"rule {_described(config)}\n"
        f"{notes}run folder {run.folder.path}"
    )


def _described(config: Config) -> str:
    training = config.training
    drawn = "" if training.k is None else f" of {training.k} steps"
    window = "" if training.window_ms is None else f", in windows of {training.window_ms:g} ms"
    credit = "" if training.delayed == "exact" else f", {training.delayed} credit over delays"
    augmented = ", ".join(kind.kind for kind in config.data.augment)
    task = "" if config.task.kind == "class" else f"; task {config.task.kind}"
    return f"{training.rule}{drawn}{window}{credit}{augmented and f'; augmentation {augmented}'}{task}"


def _left_out(dropped: int) -> str:
    text = f"{dropped:,} events of the training file lie at or after data.max_time_ms and are left out\n"
    return text if dropped else ""


def is_finished(run: Path) -> bool:
    """Return whether a run has been trained to its end.

    Args:
        run: Path of the run's folder.
    """
    folder = RunFolder(run)
    return folder.last.is_file() and checkpoint.is_finished(folder.last)
