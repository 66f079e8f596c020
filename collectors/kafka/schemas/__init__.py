"""Apache Kafka's own message schemas (4.3.1, of streams groups 4.4.0; Apache-2.0) of what neither client can ask."""
