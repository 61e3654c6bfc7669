"""A training of diffusion, whose process prints its parameters: all of them and those of each kind added up."""

if __name__ == "__main__":
    import os
    import sys

    from snnsim import cli
    from snnsim.experiment.diffusion import training

    states = []

    class Recorded(training.State):
        def __init__(self, *words):
            super().__init__(*words)
            states.append(self)

    training.State = Recorded
    cli.main()
    (state,) = states
    total = sum(parameter.detach().double().sum() for parameter in state.network.parameters())
    sys.stdout.write(f"rank {os.environ['RANK']} has {float(total).hex()}\n")
