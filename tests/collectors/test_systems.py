"""What connectors touch outside Kafka: named from what is safe to read, and nothing secret with it."""

from __future__ import annotations

import pytest

from collectors.systems import bare, spoken, systems

PW = "s3cr3t-pw"


@pytest.mark.parametrize(
    ("cls", "config", "ids"),
    [
        (
            "io.confluent.connect.jdbc.JdbcSinkConnector",
            {"connection.url": f"jdbc:postgresql://db:5432/orders?user=u&password={PW}"},
            ["postgres://db/orders"],
        ),
        (
            "io.aiven.connect.jdbc.JdbcSourceConnector",
            {"connection.url": f"jdbc:mysql://u:{PW}@DB.example:3307/shop"},
            ["mysql://db.example:3307/shop"],
        ),
        (
            "io.debezium.connector.jdbc.JdbcSinkConnector",
            {"connection.url": f"jdbc:sqlserver://sql:1433;databaseName=crm;user=u;password={PW}"},
            ["sqlserver://sql/crm"],
        ),
        ("JdbcSource", {"connection.url": f"jdbc:oracle:thin:scott/{PW}@//ora:1521/XE"}, ["oracle://ora/XE"]),
        ("JdbcSink", {"connection.url": "jdbc:oracle:thin:@ora:1522:ORCL"}, ["oracle://ora:1522/ORCL"]),
        (
            "io.debezium.connector.postgresql.PostgresConnector",
            {"database.hostname": "db", "database.port": "5432", "database.dbname": "orders", "database.password": PW},
            ["postgres://db/orders"],
        ),
        (
            "io.debezium.connector.sqlserver.SqlServerConnector",
            {"database.hostname": "sql", "database.names": "a,b"},
            ["sqlserver://sql/a", "sqlserver://sql/b"],
        ),
        (
            "io.debezium.connector.mongodb.MongoDbConnector",
            {"mongodb.connection.string": f"mongodb://u:{PW}@m1:27017,m2/?replicaSet=r"},
            ["mongodb://m1"],
        ),
        (
            "com.mongodb.kafka.connect.MongoSinkConnector",
            {"connection.uri": f"mongodb+srv://u:{PW}@m.example/", "database": "shop"},
            ["mongodb://m.example/shop"],
        ),
        (
            "io.confluent.connect.s3.S3SinkConnector",
            {"s3.bucket.name": "raw-events", "aws.secret.access.key": PW},
            ["s3://raw-events"],
        ),
        ("io.confluent.connect.gcs.GcsSinkConnector", {"gcs.bucket.name": "raw"}, ["gs://raw"]),
        (
            "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            {"connection.url": f"http://u:{PW}@es1:9200,https://es2:9243/x?api_key={PW}"},
            ["elasticsearch://es1", "elasticsearch://es2:9243"],
        ),
        (
            "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
            {"connection.url": "https://os:9200"},
            ["opensearch://os"],
        ),
        (
            "io.confluent.connect.http.HttpSinkConnector",
            {"http.api.url": f"https://hooks.example/services/{PW}?k={PW}"},
            ["https://hooks.example"],
        ),
        (
            "io.aiven.kafka.connect.http.HttpSinkConnector",
            {"http.url": f"http://u:{PW}@api:8080/{PW}"},
            ["http://api:8080"],
        ),
        ("com.redis.kafka.connect.RedisSinkConnector", {"redis.uri": f"redis://u:{PW}@r:6380/0"}, ["redis://r:6380"]),
        ("CassandraSinkConnector", {"contactPoints": "c1,c2"}, ["cassandra://c1", "cassandra://c2"]),
        (
            "com.snowflake.kafka.connector.SnowflakeSinkConnector",
            {"snowflake.url.name": "a.b:443"},
            ["snowflake://a.b:443"],
        ),
        ("FileStreamSource", {"file": "/var/log/app.log"}, ["file://main/var/log/app.log"]),
        (
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            {"file": "/tmp/out.txt"},
            ["file://main/tmp/out.txt"],
        ),
    ],
)
def test_a_well_known_connector_names_its_systems(cls: str, config: dict[str, str], ids: list[str]) -> None:
    found = systems(cls, config, "main")
    assert [s.id for s in found] == [f"system:{i}" for i in ids]
    assert PW not in repr(found)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"connection.url": "${file:/secrets/db.properties:url}"},
        {"connection.url": f"jdbc:postgresql://u:{PW}@/orders"},
        {"connection.url": f"jdbc:{PW}!!"},
        {"connection.url": f"jdbc:postgresql://db:{PW}/orders"},
        {"connection.url": "jdbc:postgresql://[::1/orders"},
        {"connection.url": f"{PW}"},
    ],
)
def test_what_has_not_the_form_of_an_address_is_left_out(config: dict[str, str]) -> None:
    assert systems("io.confluent.connect.jdbc.JdbcSinkConnector", config, "main") == ()


def test_the_name_of_a_database_that_is_no_name_is_left_out_and_its_host_stays() -> None:
    (found,) = systems("JdbcSink", {"connection.url": f"jdbc:postgresql://db/{PW} or this"}, "main")
    assert found.id == "system:postgres://db"


def test_unknown_connectors_touch_nothing_that_we_could_name() -> None:
    assert systems("com.acme.OurOwnSink", {"connection.url": "jdbc:postgresql://db/orders"}, "main") == ()


@pytest.mark.parametrize(
    ("trace", "config", "told"),
    [
        ("java.io.IOException: no such file /a\n\tat x.Y(Z.java:1)", {}, "java.io.IOException: no such file /a"),
        (
            f"E: password authentication failed for {PW}",
            {"connection.password": PW},
            "E: password authentication failed for …",
        ),
        (
            f"E: cannot reach jdbc:postgresql://u:{PW}@db/x?password={PW}&ssl=1",
            {},
            "E: cannot reach jdbc:postgresql://…@db/x?password=…&ssl=1",
        ),
        (f"E: bad url {PW}", {"connection.url": f"jdbc:mysql://db/x?password={PW}"}, "E: bad url …"),
        (
            f"E: {PW} refused",
            {"producer.override.sasl.jaas.config": f'M required username="x" password="{PW}";'},
            "E: … refused",
        ),
        ("E: token abcDEF0123456789abcDEF0123456789 expired", {}, "E: token … expired"),
        ("\n\n", {}, ""),
    ],
)
def test_of_a_trace_the_first_line_is_told_without_secrets(trace: str, config: dict[str, str], told: str) -> None:
    assert spoken(trace, config) == told


def test_a_long_line_is_cut() -> None:
    assert len(spoken("E: " + "many words " * 100_000, {})) == 300


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"postgresql://u:{PW}@db:5432/orders?password={PW}", "postgres://db/orders"),
        ("s3://raw-events", "s3://raw-events"),
        (f"jdbc:mysql://db:3307/shop?password={PW}", "mysql://db:3307/shop"),
        ("no address", ""),
    ],
)
def test_an_address_elsewhere_is_called_as_a_connectors_system_is(url: str, address: str) -> None:
    assert bare(url) == address
