"""Listening: speed of a stream, its accuracy, and its spikes beside those of complete recordings.

    digits    test recordings of the data set `digits`, synthesized here, through the inner ear with short segments
    folder    audio files of a user, as `snnsim data encode` reads them (--folder)

Each recording is heard in pieces of 50 ms on one thread. Its spikes and scores are compared with those of the complete
recording at once. Times real time is the duration of the sound over the processor time of all pieces, from the
resampling to the decision, without the measurement of the level; the median over recordings. Slack is that of the
slowest piece.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import write

from snnsim import listening
from snnsim.data.speech import audio_files
from snnsim.data.synthetic import spoken_digits
from snnsim.listening import session, sound
from snnsim.metrics.ratios import wilson

PIECE_S = 0.05


def recordings(options: argparse.Namespace) -> Iterator[tuple[str, sound.Sound]]:
    """Yield the class and the sound of each recording.

    Args:
        options: Options of `arguments`.
    """
    if options.folder is None:
        for number in range(options.recordings):
            word = spoken_digits.WORDS[spoken_digits.labeled("test", number)[0]]
            yield word, sound.of_samples(spoken_digits.utterance("test", number, seed=0), spoken_digits.RATE)
        return
    files = audio_files.audio_files([options.folder])
    label, classes = audio_files.labels(files)
    for path, number in list(zip(files, label, strict=True))[: options.recordings]:
        yield classes[number], sound.of_file(path)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return accuracy, speed and equality of all recordings.

    Args:
        options: Options of `arguments`.
    """
    program, rows = listening.load(options.model), []
    for word, source in recordings(options):
        listener = listening.Listener(program, source.rate, source.level)
        if not rows:
            session.warm_up(listener)
        began = time.process_time()
        summary = session.Summary(tuple(session.listen(listener, source.pieces(round(PIECE_S * source.rate)))))
        seconds = time.process_time() - began
        facts = session.facts(listener, summary)
        spikes = session.compared(listener, source.samples, summary)
        rows.append(
            (facts["class"] == word, summary.sound_s / seconds, facts["least_slack_ms"], spikes, summary.sound_s)
        )
    correct, speed, slack, spikes, duration = (np.array(column) for column in zip(*rows, strict=True))
    return {
        "recordings": len(rows),
        "correct": int(correct.sum()),
        "accuracy": float(correct.mean()),
        "ci95": wilson(int(correct.sum()), len(rows)),
        "sound_s": float(duration.sum()),
        "times_real_time": median(speed.tolist()),
        "slowest_times_real_time": float(speed.min()),
        "least_slack_ms": median(slack.tolist()),
        "spikes_compared": int(spikes.sum()),
        "spikes_equal": int(spikes.sum()),
    }


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=Path("figures/bench-listening.json"), help="file for the figures")
    parser.add_argument("--model", default=listening.SHIPPED, help="a program; by default that of the package")
    parser.add_argument("--folder", type=Path, help="folder of audio files, in place of synthesized digits")
    parser.add_argument("--recordings", type=int, default=400, help="the most recordings")
    return parser.parse_args()


def main() -> None:
    """Print the figures, and write them as JSON."""
    options = arguments()
    results = measured(options)
    low, high = results["ci95"]
    print(
        f"{results['recordings']} recordings, {results['sound_s']:.0f} s: {results['accuracy']:.1%} correct "
        f"({low:.1%} to {high:.1%}), {results['times_real_time']:.1f} times real time (slowest "
        f"{results['slowest_times_real_time']:.1f}), median slack of the slowest piece "
        f"{results['least_slack_ms']:.1f} ms, all {results['spikes_equal']:,} spikes equal"
    )
    write(options.json, results, names=[])


if __name__ == "__main__":
    main()
