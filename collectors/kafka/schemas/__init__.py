"""Apache Kafka's own message schemas (4.3.1, Apache-2.0) of what neither client library can ask."""
