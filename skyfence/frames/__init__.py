"""Many reports in one Kafka message: the Arrow form, its checks, codec and packing."""
