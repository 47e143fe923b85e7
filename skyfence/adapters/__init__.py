"""All that touches the world: files, environment, Kafka, Redis, logs, metrics."""
