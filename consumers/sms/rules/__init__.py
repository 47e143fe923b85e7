"""What SMS say and whom they reach: kinds, texts, recipients, merging, the rules on exercises.

    alert ──notice──▶ Notice ──merging──▶ one item a person ──texts──▶ SMS ──guard──▶ phone

No I/O and no clock here: ``consumers.sms.sink`` and ``consumers.sms.sender`` carry it out.
"""
