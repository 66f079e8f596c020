"""The HTTP API, ``/api/v1``: the frames as JSON."""
