"""What people are told, and when: rules, their state machine, causes, silences, and the delivery to channels."""
