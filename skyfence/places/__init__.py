"""Places: one state for each region, nation and the alliance, which is what people hear."""
