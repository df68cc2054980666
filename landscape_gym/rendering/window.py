"""A window that shows pictures, for ``render_mode="human"``."""

from __future__ import annotations

from typing import Any

from landscape_gym.landscapes.base import Array

try:
    import pygame
except ImportError as error:
    raise ImportError(
        "render_mode 'human' needs pygame: pip install 'landscape-gym[video]'."
    ) from error


class Window:
    """Opens with the first picture; may be closed, and opens again with the next.

    Args:
        title: Of the window.
        fps: Most pictures a second: `show` waits.
    """

    def __init__(self, title: str, fps: float) -> None:
        """Open nothing yet."""
        self._title, self._fps = title, fps
        self._clock: Any = None

    def show(self, frame: Array) -> None:
        """Show a picture, (height, width, 3) bytes."""
        pygame.display.init()  # does nothing if that was done
        size, surface = (frame.shape[1], frame.shape[0]), pygame.display.get_surface()
        # pygame has one window in all, which another environment may have closed or resized.
        if surface is None or surface.get_size() != size:
            surface = pygame.display.set_mode(size)
        if self._clock is None:
            self._clock = pygame.time.Clock()
            pygame.display.set_caption(self._title)
        pygame.surfarray.blit_array(surface, frame.transpose(1, 0, 2))
        pygame.event.pump()  # or the desktop takes the window for hung
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window, if it is open."""
        if self._clock is not None:
            self._clock = None
            pygame.display.quit()
