"""Pictures of an episode: contours and path in 2-D, loss curve and projected path beyond.

Importing it needs neither matplotlib nor pygame: `Recording` imports the first when it is made,
`landscape_gym.rendering.window` the second.
"""

from landscape_gym.rendering.recording import Recording

__all__ = ["Recording"]
