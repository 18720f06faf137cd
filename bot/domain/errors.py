"""What can go wrong, in our words. Vendor errors are translated into these at the edge.

GuichetError
├── ConfigurationError        the operator must change something; the message says what
├── IllegalTransition         a change of speaker the state machine does not allow
├── NotUnderstandable         a stored or received record cannot be read
├── StoreError
│   ├── StoreUnavailable      the live state cannot be reached; retry
│   └── Fenced                a lease was lost; whoever holds it now carries on
├── NluUnavailable            no understanding in time
├── ShopUnavailable           the shop did not answer
├── RecordUnavailable         the SQL record cannot be reached
├── MediaError
│   ├── MediaTooLarge
│   ├── MediaTypeRefused
│   └── MediaUnavailable
└── DeliveryError
    ├── DeliveryDelayed       not now: retry after ``retry_after`` seconds
    ├── DeliveryFailed        transient: retry with back-off
    └── DeliveryRefused       never: park it where staff see it
"""

from __future__ import annotations


class GuichetError(Exception):
    """Base of everything Guichet raises on purpose."""


class ConfigurationError(GuichetError):
    """The configuration or the environment is wrong; the text is one sentence with the remedy."""


class IllegalTransition(GuichetError):
    """The speaker cannot change that way from the present state."""


class NotUnderstandable(GuichetError):
    """A record cannot be read back; it is parked, never skipped."""


class StoreError(GuichetError):
    """The live state."""


class StoreUnavailable(StoreError):
    """The live state cannot be reached."""


class Fenced(StoreError):
    """The lease this was done under is no longer ours."""


class NluUnavailable(GuichetError):
    """The NLU did not answer in time, or not with an understanding."""


class ShopUnavailable(GuichetError):
    """The shop's system did not answer, or not in a form we know."""


class RecordUnavailable(GuichetError):
    """The SQL record cannot be reached."""


class MediaError(GuichetError):
    """An attachment."""


class MediaTooLarge(MediaError):
    """Over the size limit."""


class MediaTypeRefused(MediaError):
    """A kind of file we do not take."""


class MediaUnavailable(MediaError):
    """Gone at the platform, or the media store is down."""


class DeliveryError(GuichetError):
    """An outgoing message."""


class DeliveryDelayed(DeliveryError):
    """The platform asks to wait.

    Args:
        retry_after: seconds to wait.
        everyone: True when the whole destination must wait, not this chat only.
    """

    def __init__(self, retry_after: float, *, everyone: bool = True) -> None:
        super().__init__(f"retry after {retry_after:.1f} s")
        self.retry_after = retry_after
        self.everyone = everyone


class DeliveryFailed(DeliveryError):
    """Transient: the network, a 5xx. ``doubtful`` when the platform may have taken it."""

    def __init__(self, reason: str, *, doubtful: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.doubtful = doubtful


class DeliveryRefused(DeliveryError):
    """Final: the platform will never take it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
