"""Check the claims: ``python -m baselines.claims [--claim NAME ...] [--quick] [--out FOLDER]``.

Exit status 1 if a claim does not hold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import torch

    from baselines.claims import CLAIMS, QUICK, Claim, Effort
    from baselines.claims.finding import Finding, cells, check_claims
    from baselines.claims.html_page import html_page
    from baselines.claims.markdown_page import write_page
    from landscape_gym.command_line import named, parsed
    from landscape_gym.configuration import one_of
    from landscape_gym.files import write_whole

DOCS = Path(__file__).parents[2] / "docs"
"""Of the checkout."""


@dataclass(frozen=True)
class Options:
    """Check the paper's claims."""

    claim: Annotated[tuple[str, ...], named(CLAIMS)] = ()
    """Which of them, by name; all if none is named."""
    quick: bool = False
    """Whether to compute less: a minute instead of three."""
    out: Path = Path("runs/claims")
    """Folder of the report, index.html."""
    write: bool = False
    """Whether to write docs/claims.md, too, with all claims in full."""

    def __post_init__(self) -> None:
        """Check the fields.

        Raises:
            ValueError: for a claim that is not known, or a page of less than all of them.
        """
        for name in self.claim:
            one_of("claim", name, CLAIMS)
        if self.write and (self.quick or self.claim):
            raise ValueError("--write takes all claims, in full: leave out --quick and --claim.")


@program("python -m baselines.claims", "Nothing was written; --claim NAME checks one claim alone.")
def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, check, and report."""
    options = parsed(Options, argv, prog="python -m baselines.claims")
    if options.write and not DOCS.is_dir():
        raise ValueError(f"--write needs a checkout: there is no folder {DOCS}.")
    claims = [CLAIMS[name] for name in options.claim or CLAIMS]
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    effort = QUICK if options.quick else Effort()
    found = list(check_and_say(claims, effort))
    source = "Computed by python -m baselines.claims" + " --quick" * options.quick + "."
    report = options.out / "index.html"
    write_whole(report, html_page(found, source))
    print(f"Report: {report}")
    if options.write:
        write_page(found, DOCS, "python -m baselines.claims --write", version("landscape-gym"))
        print(f"Page: {DOCS / 'claims.md'}")
    return int(any(finding.red for finding in found))


def check_and_say(claims: list[Claim], effort: Effort) -> Iterator[Finding]:
    """Check claims with a progress bar, and say what is found."""
    for finding in with_progress(check_claims(claims, effort), len(claims)):
        print(f"{finding.verdict:>13}  {finding.claim.name} ({finding.seconds:.0f} s)", flush=True)
        if finding.skipped is not None:
            print(f"{'':>15}{finding.skipped}")
        for check in finding.checks:
            if not check.passed:
                what, *values, asked = cells(check)
                print(f"{'':>15}{what}: {', '.join(filter(None, values))}, asked: {asked}")
        yield finding


def with_progress(found: Iterator[Finding], total: int) -> Iterator[Finding]:
    """A bar by rich or tqdm, on a screen and where one of them is installed."""
    if not sys.stdout.isatty():
        return found
    try:
        from rich.progress import track
    except ModuleNotFoundError:
        try:
            from tqdm import tqdm
        except ModuleNotFoundError:
            return found
        return iter(tqdm(found, total=total, unit="claim"))
    return iter(track(found, "Claims", total=total))


if __name__ == "__main__":
    sys.exit(main())
