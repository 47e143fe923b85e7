"""Where reports come from: sources, and the publisher that packs them into frames for Kafka."""
