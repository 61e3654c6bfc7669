"""An event camera in software: scenes that move by fractions of a pixel, and the events of a camera that sees them."""

from snnsim.data.event_camera.camera import CameraState, EventCamera, SimulatedEvents

__all__ = ["CameraState", "EventCamera", "SimulatedEvents"]
