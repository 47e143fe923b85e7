"""Scenes on the real borders of the default zones: what a duty officer lives through.

    seed ─▶ kind ─▶ objects (true paths) ─▶ sensors ─▶ reports ─┬▶ engine ─────────────┐
                                                                └▶ afternoon detector ─┴▶ told
    told, true paths ─▶ measure ─▶ figures ─▶ tables, JSON

The synthetic world of ``skyfence.score`` measures one track against one border to the metre; scenes
measure what places hear: first warnings, all-clears, sounds, counts. A scene is a run of its own.
"""
