"""A report in which every text that others choose is an attack.

Which texts those are is told by the record's types, so that new fields are attacked
too; the same text becomes the same attack everywhere, so that names still meet.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Literal, get_args, get_origin, get_type_hints

CANARY = "window.__canary=(window.__canary||0)+1"
LONGEST = 10_000
ATTACKS = (
    f"</script><script>{CANARY}</script>",
    f'"><img src=x onerror="{CANARY}">',
    f"' onfocus='{CANARY}' autofocus tabindex='0' x='",
    f"`-->\"'><svg onload={CANARY}><!--",
    "<!--<script>",
    f"javascript:{CANARY}",
    "</style><style>*{display:none!important}",
    "*/}body{visibility:hidden}a[href^='#']{display:none}/*",
    "url(http://127.0.0.1:9/a.png);background:red",
    "<base href='http://127.0.0.1:9/'><meta http-equiv=refresh content='0;url=//x/'>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css><iframe src=//127.0.0.1:9/>",
    f"</template></textarea></title></noscript><script>{CANARY}</script>",
    f"{{{{7*7}}}}{{% raw %}}${{{CANARY}}}<%= 7*7 %>#{{7*7}}",
    f"{{{{constructor.constructor('{CANARY}')()}}}}",
    "__proto__",
    "constructor",
    "toString",
    "verdict",
    "conditions",
    "location",
    "#verdict",
    "v-onnx--checks",
    f"&lt;script&gt;{CANARY}&lt;/script&gt;&#x22;&apos;&quot",
    f"\\u003cscript\\u003e{CANARY}\\u003c/script\\u003e",
    "]]><![CDATA[<x>&",
    '=HYPERLINK("http://127.0.0.1:9/?"&A1,"x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "invoice\u202egnp.exe\u2066\u200f",
    "nul\x00bell\x07escape\x1b[31m\x1b]0;title\x07delete\x7fc1\x9b2J",
    "lines\r\nof\n# markdown\u2028and\u2029more\ttabs",
    "half a pair \udcff\ud800 and \ufeff\uffff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "z" + "\u0300\u0301\u0302\u0316\u0327" * 30 + "algo",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u4f60\u597d",
    "../../../etc/passwd\\..\\C:",
    "   ",
    "%00%3Cscript%3E%s%n{0}{x!r}",
)
# Field -> what the second text that is met there becomes.
LONG = {
    "Where.candidate_node": "\U0001f600" * LONGEST,
    "GoldenFacts.class_names": "W" * LONGEST,
    "Finding.explanation": "long words " * (LONGEST // 11),
    "Check.message": "M" * LONGEST,
    "VariantResult.name": "<b>" * (LONGEST // 3),
    "VariantResult.path": "dir/" * (LONGEST // 4),
    "Flip.sample_id": "\u0633" * LONGEST,
    "Waiver.why": "\u200b" * LONGEST,
}
# What the harness itself writes there, and what is a number in the shape of a text.
OURS = frozenset(
    {
        *("Check.name", "Finding.cause", "Finding.code", "FormatHarm.format"),
        *("FormatRisk.format", "GoldenFacts.digest", "GoldenFacts.preprocess_digest"),
        *("MatrixCell.setting", "Preview.png", "SuiteFacts.task", "TaskMetric.name"),
        *("TensorDrift.cause", "TensorDrift.matched_by", "TensorDrift.verdict"),
        *("VariantResult.sha256", "Waiver.check", "Waiver.until", "WeightFault.cause"),
    }
)
OUR_KEYS = frozenset({"provenance", "quantiles", "skipped_checks", "unscored"})


class Attacker:
    """Gives each text its attack, in the order in which texts are met.

    Attributes:
        given: Text -> attack.
    """

    def __init__(self):
        self.given = {}
        self._met = Counter()

    def record(self, record):
        """The record with the texts of others replaced."""
        kind = type(record)
        hints = get_type_hints(kind)
        told = {f.name: getattr(record, f.name) for f in fields(record)}
        return kind(
            **{
                name: self._field(f"{kind.__name__}.{name}", hints[name], value)
                for name, value in told.items()
            }
        )

    def _field(self, name, hint, value):
        ours = name in OURS or Literal in parts(hint)
        return value if ours else self._value(value, name)

    def _value(self, value, name):
        if is_dataclass(value):
            return self.record(value)
        if isinstance(value, Mapping):
            ours = name.rpartition(".")[2] in OUR_KEYS
            return {
                key if ours else self._text(key, name): self._value(v, key)
                for key, v in value.items()
            }
        if isinstance(value, (tuple, list)):
            return type(value)(self._value(item, name) for item in value)
        return self._text(value, name) if isinstance(value, str) else value

    def _text(self, text, name):
        if name == "started":
            return text
        if text not in self.given:
            self.given[text] = self._attack(name)
        return self.given[text]

    def _attack(self, name):
        """Attacks in turn, the second round with its number; one long text a field."""
        self._met[name] += 1
        if self._met[name] == 2 and name in LONG:
            return LONG[name]
        again, index = divmod(self._met.total() - 1, len(ATTACKS))
        return f"{ATTACKS[index]} {again}" if again else ATTACKS[index]


def parts(hint):
    """Origins of a type hint and of those inside of it."""
    return {get_origin(hint), *(part for arg in get_args(hint) for part in parts(arg))}
