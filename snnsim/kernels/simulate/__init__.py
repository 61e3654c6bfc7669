"""The engines that run a Program: clock-driven and event-driven."""
