"""What every page has."""

from __future__ import annotations

from parts import plain


def test_text_from_elsewhere_stays_text() -> None:
    assert plain("a plain name") == "a plain name"
    assert plain("![x](http://evil/y.png)") == r"\!\[x\]\(http\://evil/y\.png\)"
    assert plain("*bold* `code` <b> $x$ :red[y]") == r"\*bold\* \`code\` \<b\> \$x\$ \:red\[y\]"
