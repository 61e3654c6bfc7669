"""MLflow: a run whose parameters are the config and whose metrics are those of each epoch.

Without a server, files lie in the folder mlruns of a run, and `mlflow ui --backend-store-uri RUN/mlruns` shows them.
The identity is in mlflow-id.txt, so that a training that is resumed goes on with the run.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from snnsim.config.loggers import MLflow
from snnsim.files import written_whole
from snnsim.training.loggers.protocol import LoggedRun, Row, numbers

FILE = "mlflow-id.txt"
_MOST_CHARACTERS = 500


class MLflowLogger:
    """A run of MLflow.

    Args:
        section: The settings.
    """

    def __init__(self, section: MLflow) -> None:
        try:
            import mlflow
        except ImportError as error:
            text = "training.loggers: mlflow must be installed; it is not; run `pip install snnsim[mlflow]`"
            raise ImportError(text) from error
        self._mlflow, self._section = mlflow, section
        self._client: Any = None
        self._id = ""

    def start(self, run: LoggedRun) -> None:
        """Begin, or go on after the epochs of a history.

        Args:
            run: The run.
        """
        uri, path = self._section.uri, run.folder / FILE
        if uri is None or uri.startswith("file:"):
            # files are read by every version; newer ones ask for this consent
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        uri = (run.folder / "mlruns").resolve().as_uri() if uri is None else uri
        self._client = self._mlflow.MlflowClient(tracking_uri=uri)
        if path.is_file():
            self._id = path.read_text(encoding="utf-8")
            self._client.update_run(self._id, status="RUNNING")
        else:
            experiment = self._client.get_experiment_by_name(self._section.experiment)
            of = experiment.experiment_id if experiment else self._client.create_experiment(self._section.experiment)
            self._id = self._client.create_run(of, run_name=run.name).info.run_id
            for name, value in _flat(run.config):
                self._client.log_param(self._id, name, str(value)[:_MOST_CHARACTERS])
            with written_whole(path) as partial:
                partial.write_text(self._id, encoding="utf-8")
        known = {metric.step for metric in self._client.get_metric_history(self._id, "train_loss")}
        for row in run.history:
            if row["epoch"] not in known:
                self.add(row)

    def add(self, row: Row) -> None:
        """Log the metrics of an epoch.

        Args:
            row: The metrics.
        """
        for name, value in numbers(row).items():
            self._client.log_metric(self._id, name, value, step=row["epoch"])

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._id)


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by dotted names."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
