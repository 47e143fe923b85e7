"""What SMS say and whom they reach: kinds, texts, recipients, budget, the rules on exercises.

    alert ──notice──▶ Notice ──budget──▶ one item a person ──texts──▶ SMS ──guard──▶ phone

No I/O and no clock here: ``consumers.sms.sink`` and ``consumers.sms.sender`` carry it out.
"""
