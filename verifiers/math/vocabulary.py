r"""Names that mathematics is written with: commands, functions, Unicode symbols, and words that are operators.

Tables only.
"""

_SYMBOLS = {
    "-": "−–—‐‑", r"\times ": "×", r"\div ": "÷", r"\cdot ": "·⋅∙•", "*": "∗", "/": "⁄∕", r"^\circ ": "°º",
    r"\pi ": "π", r"\infty ": "∞", r"\pm ": "±", r"\mp ": "∓", r"\sqrt ": "√", r"\sqrt[3]": "∛", r"\le ": "≤⩽",
    r"\ge ": "≥⩾", r"\ne ": "≠", r"\approx ": "≈", r"\in ": "∈", r"\notin ": "∉", r"\cup ": "∪", r"\cap ": "∩",
    r"\setminus ": "∖", r"\emptyset ": "∅", r"\mathbb{R}": "ℝ", r"\mathbb{Z}": "ℤ", r"\mathbb{N}": "ℕ",
    r"\mathbb{Q}": "ℚ", r"\mathbb{C}": "ℂ", r"\langle ": "⟨", r"\rangle ": "⟩", r"\lfloor ": "⌊", r"\rfloor ": "⌋",
    r"\lceil ": "⌈", r"\rceil ": "⌉", r"\theta ": "θ", r"\alpha ": "α", r"\beta ": "β", r"\gamma ": "γ",
    r"\delta ": "δ", r"\lambda ": "λ", r"\mu ": "μµ", r"\varphi ": "φ", r"\phi ": "ϕ", r"\omega ": "ω", r"\sigma ": "σ",
    r"\tau ": "τ", r"\rho ": "ρ", r"\epsilon ": "ε", r"\Delta ": "Δ", r"\Omega ": "Ω", r"\Sigma ": "Σ", r"\sum ": "∑",
    r"\prod ": "∏", r"\int ": "∫", r"\angle ": "∠", "'": "′’", "''": "″", r"\dots ": "…⋯", r"\land ": "∧",
    r"\lor ": "∨", "|": "∣", r"\frac{1}{2} ": "½", r"\frac{1}{3} ": "⅓", r"\frac{2}{3} ": "⅔", r"\frac{1}{4} ": "¼",
    r"\frac{3}{4} ": "¾", r"\frac{1}{5} ": "⅕", r"\frac{2}{5} ": "⅖", r"\frac{3}{5} ": "⅗", r"\frac{4}{5} ": "⅘",
    r"\frac{1}{6} ": "⅙", r"\frac{5}{6} ": "⅚", r"\frac{1}{8} ": "⅛", r"\frac{3}{8} ": "⅜", r"\frac{5}{8} ": "⅝",
    r"\frac{7}{8} ": "⅞", r"\euro ": "€", r"\pounds ": "£", r"\yen ": "￥¥", "%": "％", ",": "，", ";": "；", ":": "：",
    "(": "（", ")": "）", "=": "＝", "+": "＋", r"\triangle ": "△", " ": "\u00a0\u202f\u2009\u2002\u2003\u3000",
}  # fmt: skip
SYMBOLS = str.maketrans({symbol: text for text, symbols in _SYMBOLS.items() for symbol in symbols})
"""Unicode symbols as LaTeX or ASCII."""

_TRIGONOMETRIC = "sin cos tan sec csc cot asin acos atan acot sinh cosh tanh coth sech csch asinh acosh atanh exp"
ELEMENTARY = frozenset(f"{_TRIGONOMETRIC} asec acsc".split())
"""Functions of one number that mpmath and sympy call as we do."""
_SAME = f"{_TRIGONOMETRIC} log lg sqrt cbrt abs floor ceil max min gcd lcm factorial sgn det cis"
FUNCTIONS = {name: name for name in _SAME.split()} | {
    "cosec": "csc", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec",
    "arccsc": "acsc", "arcsinh": "asinh", "arsinh": "asinh", "arccosh": "acosh", "arcosh": "acosh", "arctanh": "atanh",
    "artanh": "atanh", "ln": "log", "Log": "log", "Abs": "abs", "ceiling": "ceil", "binomial": "binom", "sign": "sgn",
    "Gamma": "gamma", "Re": "re", "Im": "im", "binom": "binom", "nCr": "binom", "comb": "binom", "nPr": "perm",
    "perm": "perm",
}  # fmt: skip
"""Functions by their spellings; `log` with one argument is the natural one, `lg` that of base 10."""

WORD_TOKENS = {
    "and": ("sep", "and"), "or": ("sep", "or"), "i": ("const", "#i"), "e": ("const", "#e"), "union": ("op", "cup"),
    "mod": ("op", "mod"),
    **dict.fromkeys(("pi", "Pi", "PI"), ("const", "#pi")),
    **dict.fromkeys(("infinity", "Infinity", "infty", "inf", "oo"), ("const", "#inf")),
    **dict.fromkeys(("nan", "NaN"), ("const", "#nan")),
    **{name: ("let", name) for name in ("theta", "alpha", "beta", "lambda", "omega")},
}  # fmt: skip
"""Runs of letters that are no product of letters."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: value for value, word in enumerate(_ONES.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), 3)
}

_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho "
    "sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ell "
    "hbar partial nabla mho aleph odot oplus"
)
_ACCENTS = (
    "vec hat bar overline overrightarrow widehat tilde dot ddot underline mathbf mathcal boldsymbol bm mathfrak "
    "mathscr bold pmb overleftrightarrow widetilde check ring"
)
_COMMANDS = {
    ("op", "*"): r"\cdot \times \ast", ("op", "/"): r"\div", ("op", "±"): r"\pm", ("op", "∓"): r"\mp",
    ("op", "<="): r"\le \leq \leqslant \leqq", ("op", "<"): r"\lt", ("op", ">="): r"\ge \geq \geqslant \geqq",
    ("op", ">"): r"\gt", ("op", "!="): r"\ne \neq", ("op", "~"): r"\approx \simeq \sim \doteq", ("op", "="): r"\equiv",
    ("op", "in"): r"\in", ("op", "notin"): r"\notin", ("op", "cup"): r"\cup \bigcup", ("op", "cap"): r"\cap",
    ("op", "minus"): r"\setminus \backslash", ("const", "#inf"): r"\infty", ("const", "#pi"): r"\pi",
    ("const", "#e"): r"\exponentialE", ("const", "#i"): r"\imaginaryI", ("set", "empty"): r"\emptyset \varnothing",
    ("op", r"\{"): r"\{ \lbrace", ("op", r"\}"): r"\} \rbrace", ("op", "<<"): r"\langle", ("op", ">>"): r"\rangle",
    ("op", "lfloor"): r"\lfloor", ("op", "rfloor"): r"\rfloor", ("op", "lceil"): r"\lceil", ("op", "rceil"): r"\rceil",
    ("op", "|"): r"\lvert \rvert \vert \mid", ("op", "||"): r"\| \lVert \rVert \Vert", ("op", "["): r"\lbrack",
    ("op", "]"): r"\rbrack", ("op", "("): r"\lparen", ("op", ")"): r"\rparen",
    ("frac", ""): r"\frac \dfrac \tfrac \cfrac", ("op", "over"): r"\over", ("root", ""): r"\sqrt",
    ("binom", ""): r"\binom \dbinom \tbinom", ("op", "choose"): r"\choose", ("begin", ""): r"\begin",
    ("end", ""): r"\end", ("row", ""): r"\\ \newline", ("op", "%"): r"\%", ("cur", "dollars"): r"\$",
    ("cur", "euros"): r"\euro", ("cur", "sterling"): r"\pounds", ("cur", "yen"): r"\yen",
    ("sep", "and"): r"\& \land \wedge", ("op", "'"): r"\prime", ("dots", ""): r"\dots \ldots \cdots \dotsc",
    ("mathbb", ""): r"\mathbb", ("op", ":"): r"\colon", ("op", "->"): r"\to \rightarrow", ("sep", "or"): r"\lor \vee",
    ("op", "mod"): r"\bmod \mod", ("pmod", ""): r"\pmod \pod", ("big", "sum"): r"\sum", ("big", "prod"): r"\prod",
    ("int", ""): r"\int", ("lim", ""): r"\lim", ("mark", "angle"): r"\angle \measuredangle",
    ("mark", "triangle"): r"\triangle \bigtriangleup", ("func", "gamma"): r"\Gamma", ("func", "re"): r"\Re",
    ("func", "im"): r"\Im",
}  # fmt: skip
_OWN = {"abs", "Gamma", "sqrt", "Re", "Im", "binom"}
COMMANDS: dict[str, tuple[str, str]] = {
    **{command: token for token, commands in _COMMANDS.items() for command in commands.split()},
    **{f"\\{name}": ("accent", name) for name in _ACCENTS.split()},
    **{
        f"\\{name}": ("func", FUNCTIONS[name])
        for name in FUNCTIONS.keys() - {"abs", "Gamma", "sqrt", "Re", "Im", "binom"}
    },
    **{f"\\{name}": ("let", name) for name in _GREEK.split() if name != "Gamma"},
}
"""Token kind and value of each command; a command that is not here is unreadable."""
