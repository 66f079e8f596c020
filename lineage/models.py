"""The temporal tables. Times are ms UTC; nothing is overwritten, a version is only closed.

A version is valid in the world from ``valid_from`` until ``valid_until``, and known to the recorder from
``recorded_at`` until ``superseded_at`` (both the ``at`` of a tick). What a frame showed is read by the latter.
Evidence that comes late opens a version that is valid from an earlier moment; hindsight takes the newest word there.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Tick(models.Model):
    """One durable step of the tape. Readers see nothing above the newest row."""

    number = models.BigIntegerField(primary_key=True)
    at = models.BigIntegerField(unique=True)
    cluster = models.CharField(max_length=255, default="")  # whose positions it carries, "" for none
    stream_id = models.CharField(max_length=64, default="")  # last entry of the stream that it holds
    structure = models.BigIntegerField(default=0)  # number of the last tick that changed any version
    total_lag = models.BigIntegerField(null=True)  # of all groups on all topics; None while none is known
    resolution = models.CharField(max_length=8, default="full")  # "minute" once it stands for its whole minute

    objects: ClassVar[models.Manager[Tick]]

    def __str__(self) -> str:
        return f"tick {self.number} at {self.at}"


class Progress(models.Model):
    """How far a long work on the tape has come: ``name`` says which, ``at`` is the moment up to which it is done."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.BigIntegerField()

    objects: ClassVar[models.Manager[Progress]]

    def __str__(self) -> str:
        return f"{self.name} up to {self.at}"


class Version(models.Model):
    """What every versioned row has in common."""

    valid_from = models.BigIntegerField()
    valid_until = models.BigIntegerField(null=True)
    recorded_at = models.BigIntegerField()
    superseded_at = models.BigIntegerField(null=True)
    tick = models.BigIntegerField()

    class Meta:
        abstract = True


class NodeVersion(Version):
    """A node's identity, owner and attributes. ``detail`` is what only the node's own page asks for."""

    node = models.TextField()
    kind = models.CharField(max_length=32)
    name = models.TextField()
    cluster = models.CharField(max_length=255, default="")
    team = models.CharField(max_length=255, null=True)
    owner_source = models.TextField(null=True)
    first_seen = models.BigIntegerField()
    attrs = models.JSONField(default=dict)
    detail = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[NodeVersion]]

    class Meta:
        indexes = [
            models.Index(fields=["superseded_at", "recorded_at"], name="node_known"),
            models.Index(fields=["node", "recorded_at"], name="node_history"),
        ]

    def __str__(self) -> str:
        return self.node


class EdgeVersion(Version):
    """An edge and the constant part of its evidence; what moves (last seen, count) is in the lake."""

    source = models.TextField()
    target = models.TextField()
    key = models.TextField(default="")
    relation = models.CharField(max_length=32)
    strength = models.CharField(max_length=16)
    first_seen = models.BigIntegerField()
    attrs = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[EdgeVersion]]

    class Meta:
        indexes = [models.Index(fields=["superseded_at", "recorded_at"], name="edge_known")]

    def __str__(self) -> str:
        return f"{self.source} {self.relation} {self.target}"


class ClusterVersion(Version):
    """A cluster's slug, the id it is bound to, its brokers."""

    cluster = models.CharField(max_length=255)
    attrs = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[ClusterVersion]]

    class Meta:
        indexes = [models.Index(fields=["superseded_at", "recorded_at"], name="cluster_known")]

    def __str__(self) -> str:
        return self.cluster


class CollectorVersion(Version):
    """A collector's error, needs and note; its last run and duration are in the lake."""

    cluster = models.CharField(max_length=255, default="")
    collector = models.CharField(max_length=255)
    attrs = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[CollectorVersion]]

    class Meta:
        indexes = [models.Index(fields=["superseded_at", "recorded_at"], name="collector_known")]

    def __str__(self) -> str:
        return f"{self.collector} of {self.cluster}"


class JoinVersion(Version):
    """What a person said of a name: that it is a service, or that it is not. ``key``: all four in one text."""

    key = models.TextField()
    kind = models.CharField(max_length=16)
    cluster = models.CharField(max_length=255, default="")
    name = models.TextField()
    service = models.TextField()
    attrs = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[JoinVersion]]

    class Meta:
        indexes = [models.Index(fields=["superseded_at", "recorded_at"], name="join_known")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} is {self.service}"


class Placement(models.Model):
    """Where a node stands on the map (px), decided once by the recorder."""

    node = models.TextField()
    x = models.FloatField()
    y = models.FloatField()
    recorded_at = models.BigIntegerField()
    superseded_at = models.BigIntegerField(null=True)

    objects: ClassVar[models.Manager[Placement]]

    class Meta:
        indexes = [models.Index(fields=["superseded_at", "recorded_at"], name="placement_known")]

    def __str__(self) -> str:
        return self.node


class Change(models.Model):
    """A change of structure, attributes, owner or verdict; ``subject`` is a node, an edge or a lag item."""

    at = models.BigIntegerField()
    recorded_at = models.BigIntegerField(db_index=True)
    tick = models.BigIntegerField()
    kind = models.CharField(max_length=16)
    subject = models.TextField()
    cluster = models.CharField(max_length=255, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    evidence = models.TextField(default="")

    objects: ClassVar[models.Manager[Change]]

    class Meta:
        indexes = [models.Index(fields=["subject", "recorded_at"], name="change_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Name(models.Model):
    """The dictionary of the lake: a small number for a topic or a group of a cluster."""

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=8)
    cluster = models.CharField(max_length=255)
    name = models.TextField()
    tick = models.BigIntegerField()

    objects: ClassVar[models.Manager[Name]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "cluster", "name"], name="one_number_a_name")]

    def __str__(self) -> str:
        return self.name
