"""One object, one incident: association, watermark, routing, wording."""
