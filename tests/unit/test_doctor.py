"""What `harness doctor` tells of this machine."""

from __future__ import annotations

from dataclasses import replace

from harness.canaries import Canary
from harness.doctor import examine, render_health


def test_canaries_are_all_told_and_what_drifts_in_full():
    health = examine()
    text = render_health(health)
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for canary in health.canaries:
        assert canary.name in words
        if canary.drifts:
            assert canary.tells in words
            assert canary.detail in words
    assert health.sound


def test_what_the_runtime_lacks_is_neither_sound_nor_drifting():
    lacking = Canary("Odd", "tells", "not supported", None, "no kernel")
    health = replace(examine(), canaries=(lacking,))
    text = render_health(health)
    assert "Odd: NOT SUPPORTED" in text
    assert "no kernel" in text
    assert "0 sound" in text
