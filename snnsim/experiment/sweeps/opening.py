"""Opening of a study: begun if there is none, compared with its spec, and completed by the trials that it lacks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnsim.config import Config
from snnsim.experiment.sweeps import chosen, folds, sampling
from snnsim.experiment.sweeps.spec import Spec
from snnsim.experiment.sweeps.study import AGAIN, NAME, Study, asking, enqueue
from snnsim.files import write_json
from snnsim.validation import shown


def opened(wanted: Spec, *, create: bool = True) -> Study:
    """Return the study of a spec, begun if there is none yet.

    Args:
        wanted: The spec.
        create: Whether a study that does not exist is begun.

    Raises:
        ValueError: If the folder has the study of another spec.
        FileNotFoundError: If there is no study, and none is begun.
    """
    package, journal = sampling.optuna(), wanted.folder / "journal.log"
    if not journal.exists() and not create:
        raise FileNotFoundError(f"there is no study in {wanted.folder}; begin it without --show")
    # other workers need not wait while data are read
    number = None if journal.exists() else _folds(wanted)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with asking(wanted.folder):
        storage = sampling.storage(journal)
        study = package.create_study(
            storage=storage,
            study_name=NAME,
            directions=[objective.direction for objective in wanted.objectives],
            sampler=package.samplers.RandomSampler(seed=wanted.seed),
            pruner=sampling.pruner(wanted),
            load_if_exists=True,
        )
        if "spec" not in study.user_attrs:
            # a worker that was killed while it began the study has left the journal
            _begin(study, wanted, number or _folds(wanted))
        bases = {name: Config.from_toml(text, "the study") for name, text in study.user_attrs["bases"].items()}
        before = {**study.user_attrs["spec"], "configs": bases}
        _compare(before, {**_record(wanted), "configs": dict(wanted.bases)}, wanted.folder)
        if create:
            _fill(study, wanted)
    return Study(wanted, study, storage)


def _folds(wanted: Spec) -> int | None:
    """Return the number of folds; None for the standard split."""
    return None if wanted.folds is None else folds.number_of(next(iter(wanted.bases.values())), wanted.folds)


def _begin(study: Any, wanted: Spec, number: int | None) -> None:
    """Write what stays the same as long as the study lasts; the spec comes last, as its presence says all is there."""
    study.set_user_attr("bases", {name: config.to_toml() for name, config in wanted.bases.items()})
    study.set_user_attr("folds", number)
    write_json(wanted.folder / chosen.SWEEP, {
        "name": wanted.name,
        "objectives": [[one.name, one.direction] for one in wanted.objectives],
    })  # fmt: skip
    study.set_user_attr("spec", _record(wanted))


def _fill(study: Any, wanted: Spec) -> None:
    """Add the waiting trials that the study lacks, after a killed beginning or with more trials than before."""
    trials = study.get_trials(deepcopy=False)
    if wanted.sampler == "grid":
        encoded = [sampling.encoded(wanted.parameters, point) for point in wanted.points()]
        present = [trial.user_attrs.get("point") for trial in trials]
        for point in encoded:
            if point not in present:
                enqueue(study, point)
        return
    # a trial that has another one in its place does not count
    count = sum(
        trial.state.name != "FAIL"
        or ("error" in trial.user_attrs and AGAIN.format(trial.number) not in study.user_attrs)
        for trial in trials
    )
    for _ in range(count, wanted.trials):
        enqueue(study, {})


def _record(wanted: Spec) -> dict[str, Any]:
    """Return what two specs of one study must have in common."""
    pruning = wanted.pruning
    return {
        "sampler": wanted.sampler,
        "variants": sorted(wanted.bases),
        "parameters": {name: repr(one) for name, one in wanted.parameters.items()},
        "seeds": list(wanted.seeds),
        "folds": wanted.folds,
        "objectives": [[one.name, one.direction] for one in wanted.objectives],
        "pruning": None if pruning is None else [pruning.startup_trials, pruning.warmup_epochs],
        "seed": wanted.seed,
    }


def _compare(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Compare a spec with that of the beginning of the study.

    Raises:
        ValueError: If they differ.
    """
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        first = different[0]
        raise ValueError(
            f"the study in {folder} was begun with other {', '.join(different)} ({first} was "
            f"{shown(before.get(first))}); go on with the earlier spec, or give the new one a name or folder of its own"
        )
