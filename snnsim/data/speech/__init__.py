"""Speech as spikes: spoken digits made here, recordings from files, and the inner ear that hears both."""
