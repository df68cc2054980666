"""Formulas of docstrings and claims, written to be read in a terminal, as TeX for the site's pages.

There ``h^(1/2) g_t' x+`` is a root, an index, a prime and a next value; ``<-`` assigns. A block
with a sentence in it stays as it is: what is between two columns is not always a formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from unicodedata import normalize

GREEK = (
    *("alpha", "beta", "gamma", "delta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi"),
    *("rho", "sigma", "tau", "phi", "omega", "Lambda", "Phi", "Pi", "Xi", "Omega", "Delta"),
)
OPERATORS = ("log", "exp", "det", "min", "max", "sum", "in")
NAMES = {name: rf"\{name}" for name in (*GREEK, *OPERATORS)}
NAMES |= {"dt": r"\Delta t", "eps": r"\epsilon", "grad": r"\nabla"}
NAMES |= {name: rf"\mathrm{{{name}}}" for name in ("tr", "cov", "Hess", "argmax", "argmin")}
"""Words that mean a sign, or a function."""
SIGNS = {
    "<-": r"\leftarrow ",
    "->": r"\to ",
    "<=": r"\le ",
    ">=": r"\ge ",
    "=:": "\N{EQUALS COLON}",
}
SIGNS |= {"..": r"\ldots ", "~": r"\sim ", "{": r"\{", "}": r"\}", "*": r"^{*}"}
RELATION = re.compile(r"<-|=|~")
IN_TEX = re.compile(r"(\\leftarrow|=|\\sim)")
PROSE = re.compile(r"\b(and|as|at|by|for|from|if|is|its|of|or|so|that|the|to|where|with)\b(?!_)")
ODD = re.compile(r"[`\"#%&$@?\\;:]|--")
"""Signs that no formula has."""
SNAKE = re.compile(r"[A-Za-z]{2,}_[A-Za-z]{2,}")
WORD = re.compile(r"(?<![\w^])[A-Za-z]{2,}(?![\w(])")
TOKEN = re.compile(r" +|[A-Za-z]+|\d+(?:\.\d+)?|<-|->|<=|>=|\.\.+|.")


def tex(block: Sequence[str]) -> str | None:
    r"""TeX of the lines of an indented block; None where one of them does not begin with a formula.

    What stands in a column of its own, three blanks to the right, may be words.

    Example:
        >>> tex(["    u_t = b u_{t-1} - a h^(1/2) y_t     heavy ball"])
        'u_{t} = b \\, u_{t-1} - a \\, h^{1/2} \\, y_{t} \\qquad \\text{heavy ball}'
        >>> tex(["    S    the price of a move"]) is None
        True
    """
    rows = [row for line in block if (row := _row(line.strip()))]
    if len(rows) < len(block):
        return None
    if len(rows) == 1:
        return re.sub(r" *& *", " ", rows[0]).strip()
    return rf"\begin{{aligned}} {(chr(92) * 2 + ' ').join(rows)} \end{{aligned}}"


def inline(span: str) -> str | None:
    r"""TeX of what stands between backticks; None where it is code.

    Example:
        >>> inline("H^(-1/2)"), inline("python -m agents")
        ('H^{-1/2}', None)
    """
    words = [word for word in WORD.findall(span) if word not in (*NAMES, "lr")]
    return None if words or SNAKE.search(span) or ODD.search(span) else _Reader(span).all()


def _row(line: str) -> str | None:
    """A line, with the sign before which it is aligned with others."""
    line = re.sub(r" +(<-|=|~) +", r" \1 ", line.replace("minimise  ", "minimise "))
    first, *others = re.split(r" {3,}", line)
    words = [column for column in others if _is_prose(column)]
    if not RELATION.search(line) or _is_prose(first) or re.search(r"[\^_=<{}]", "".join(words)):
        return None
    begin = _Reader(first.removeprefix("minimise ")).all()
    if first.startswith("minimise "):
        begin = r"& \text{minimise} \quad " + begin
    elif IN_TEX.search(begin):
        begin = IN_TEX.sub(r"& \1", begin, count=1)
    columns = [rf"\text{{{each}}}" if each in words else _Reader(each).all() for each in others]
    return r" \qquad ".join([begin, *columns])


def _is_prose(column: str) -> bool:
    """Whether a column has words that make a sentence, or signs that no formula has."""
    if PROSE.search(column) or ODD.search(column) or SNAKE.search(column):
        return True
    words = [word for word in WORD.finditer(column) if word[0] not in (*NAMES, "lr", "minimise")]
    return any(after.start() - before.end() == 1 for before, after in pairwise(words))


class _Reader:
    """Reads a formula from its beginning."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = TOKEN.findall(text)
        self._had_factor = False
        """Whether what was read last can be multiplied."""

    def all(self) -> str:
        """All of it, as TeX."""
        parts = []
        while self._tokens:
            parts.append(self._next())
        return re.sub(r" +", " ", "".join(parts)).strip()

    def _next(self) -> str:
        token = self._tokens.pop(0)
        if token.isspace():
            after = self._tokens[0] if self._tokens else ""
            return r" \, " if self._had_factor and re.match(r"[\w(\[]", after) else " "
        self._had_factor = token not in ("sum", "min", "max", "grad") and (
            token.isalnum() or token in ")]"
        )
        if token.isalpha():
            return self._named(token)
        if token in (")", "]") or token[0].isdigit():
            return token + self._scripts()
        return SIGNS.get(token, token)

    def _named(self, name: str) -> str:
        if name == "sqrt" and self._starts("("):
            return rf"\sqrt{{{self._group()}}}"
        if name == "E" and "".join(self._tokens[:3]).startswith((" [", "[", " sum")):
            return r"\mathbb{E}"
        base = NAMES.get(name) or (name if len(name) == 1 else rf"\mathrm{{{name}}}")
        digits = self._tokens.pop(0) if self._tokens and self._tokens[0].isdigit() else ""
        if self._hat():
            base = normalize("NFC", base + "\N{COMBINING CIRCUMFLEX ACCENT}")  # one letter
        return base + self._scripts(digits)

    def _hat(self) -> bool:
        """Whether a ``^`` follows that raises nothing: it stands above."""
        after = self._tokens[1] if len(self._tokens) > 1 else " "
        if self._starts("^") and (after in ("_", "^", ")", ",") or after.isspace()):
            self._tokens.pop(0)
            return True
        return False

    def _scripts(self, below: str = "") -> str:
        """Indices, powers, primes and the mark of what comes next, as far as they follow."""
        above = ""
        while self._tokens:
            after = self._tokens[1] if len(self._tokens) > 1 else " "
            if self._starts("_"):
                self._tokens.pop(0)
                below += self._group()
            elif self._starts("^"):
                self._tokens.pop(0)
                above += self._group()
            elif self._starts("'"):
                self._tokens.pop(0)
                above += r"\prime"
            elif self._starts("+") and (after in (")", ",", "|", "]", "'") or after.isspace()):
                self._tokens.pop(0)
                above += "+"
            else:
                break
        return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")

    def _group(self) -> str:
        """What is raised or lowered: within brackets, which are left out, or a sign and a word."""
        pairs = {"(": ")", "{": "}"}
        if self._tokens and self._tokens[0] in pairs:
            opening, depth, inner = self._tokens.pop(0), 1, ""
            while self._tokens:
                token = self._tokens.pop(0)
                depth += (token == opening) - (token == pairs[opening])
                if not depth:
                    break
                inner += token
            return _Reader(inner).all()
        sign = self._tokens.pop(0) if self._starts("-") else ""
        token = self._tokens.pop(0) if self._tokens else ""
        if token.isalpha() and token not in NAMES and len(token) > 2:
            token = rf"\mathrm{{{token}}}"
        else:
            token = NAMES.get(token, token)
        while self._tokens and token and self._tokens[0].isdigit():
            token += self._tokens.pop(0)
        return sign + token

    def _starts(self, sign: str) -> bool:
        return bool(self._tokens) and self._tokens[0] == sign
