"""The score: synthetic traffic with a known truth, judged by the engine and by a naive detector.

The only part of ``skyfence`` below the command line that draws random numbers, always from a seed.
It touches no file and no clock: ``skyfence score`` writes what it finds.

    seed ─▶ traffic ─▶ tracks (truth, reports) ─▶ feed ─▶ frames ─┬▶ engine ─┐
                                                                  └▶ naive ──┴▶ trial
    trials ─▶ measure ─▶ figures ─▶ aims, chart
"""
