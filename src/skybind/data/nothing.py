"""Words that mean that there is nothing, and classes that often do."""

#: Words for nothing, in lower case. NA is none of them: it is the type of fast novae.
NOTHING = frozenset(
    {"", "nan", "null", "none", "nil", "nat", "n/a", "n.a.", "#n/a", "<na>", "?", "??",
     "-", "--", "---", "...", "\\n"}
)  # fmt: skip
#: Letters of the longest of them.
_LONGEST = max(map(len, NOTHING))
#: Classes that often mean that there is none, in lower case.
DOUBTFUL = frozenset(
    {"na", "unknown", "unk", "unclassified", "undefined", "missing", "no class", "0",
     "99", "999", "9999", "-1", "-9", "-99", "-999", "-9999", "-99.0", "-999.0", "-9999.0", "99.99"}
)  # fmt: skip


def is_nothing(text: str) -> bool:
    """Whether a text is a word for nothing, such as NaN, null or --."""
    bare = text.strip()
    return len(bare) <= _LONGEST and bare.lower() in NOTHING
