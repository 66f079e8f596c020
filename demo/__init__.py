"""An online shop of real processes on Kafka: something to look at for who has no Kafka of their own.

It knows nothing of the program that watches it; it could run under any other.
"""
